// How weights and activations lie in memory for the kernels beside this file: sixteen rows of a matrix stand side by
// side, so that a vector register takes the same columns of all of them, and no result has to be added up across lanes.
//
// A group of sixteen rows is as large as the rows that it is made from: first the scales of all of its blocks, then their
// codes.
//
// The files of the kernels are compiled for processors that the rest need not have: nothing but plain data may be
// shared with them, or the linker might take an inline function of theirs for everybody.
#pragma once

#include "attention.h"

#include <stdint.h>

namespace oriel {

constexpr int GROUP_ROWS = 16;
// Columns of a block, here and of the activations; ggml's K formats share scales between eight of them.
constexpr int BLOCK_COLUMNS = 32;
// Rows of activations that a kernel works on at once: as many as leave registers for the weights.
constexpr int TILE_ROWS = 8;

// One block's scales, in half precision: value = d * (code - offset).
struct Scales {
    static constexpr int PER_BLOCK = 1;
    uint16_t d[GROUP_ROWS];
};

// value = d * code + m.
struct ScalesAndMinimums {
    static constexpr int PER_BLOCK = 1;
    uint16_t d[GROUP_ROWS];
    uint16_t m[GROUP_ROWS];
};

// Eight blocks' scales: value = d * scale * code - m * minimum. Scales and minimums have six bits: `low` holds four of a
// block's scale and four of its minimum, `high` two and two of a block, and above them those of the fourth one after it.
struct NestedScales {
    static constexpr int PER_BLOCK = 1;
    uint16_t d[GROUP_ROWS];
    uint16_t m[GROUP_ROWS];
    uint8_t low[8][GROUP_ROWS];
    uint8_t high[4][GROUP_ROWS];
};

// Eight blocks' scales, one for each half of a block: value = d * scale * (code - offset).
struct NestedScalesOfHalves {
    static constexpr int PER_BLOCK = 2;
    uint16_t d[GROUP_ROWS];
    int8_t scale[16][GROUP_ROWS];
};

// One of ggml's formats, as it is kept here.
template <int BITS_OF_CODE, int SUBTRACTED, class ScalesOfFormat, int BLOCKS_OF_SCALES>
struct Format {
    static constexpr int BITS = BITS_OF_CODE;
    // What is subtracted from each code.
    static constexpr int OFFSET = SUBTRACTED;
    using Scales = ScalesOfFormat;
    // Blocks that share one of `Scales`.
    static constexpr int BLOCKS = BLOCKS_OF_SCALES;
    // Of the codes of one block of a group. Part p of the lower half holds columns 4p to 4p + 3 of all rows, that of the
    // upper one those 16 columns on. First 64 bytes for each part: four bits of the lower half's codes, and above them
    // those of the upper half's. Then a fifth bit: one byte for each of the four columns of a row, bit p for part p and
    // bit 4 + p for its upper half; or a fifth and sixth: so for each half, two bits for each part. Codes of eight bits are
    // whole bytes, the parts of the lower half before those of the upper one.
    static constexpr int CODE_BYTES = GROUP_ROWS * BLOCK_COLUMNS * BITS / 8;
};

using Q4_0 = Format<4, 8, Scales, 1>;
using Q4_1 = Format<4, 0, ScalesAndMinimums, 1>;
using Q5_0 = Format<5, 16, Scales, 1>;
using Q5_1 = Format<5, 0, ScalesAndMinimums, 1>;
using Q8_0 = Format<8, 128, Scales, 1>;
using Q4_K = Format<4, 0, NestedScales, 8>;
using Q5_K = Format<5, 0, NestedScales, 8>;
using Q6_K = Format<6, 32, NestedScalesOfHalves, 8>;

// A block of one row of activations: value = d * q.
struct Activations {
    float d;
    float sum;          // d times the sum of q
    float half_sums[2]; // of each half
    int8_t q[BLOCK_COLUMNS];
};

// Makes `blocks` blocks of activations.
using Quantise = void (*)(const float * values, Activations * blocks_out, int64_t blocks);

// Multiplies a group of `blocks` blocks with `rows` rows of activations, at most TILE_ROWS, that are `blocks` blocks
// each; writes the sixteen results of row i to out[i]. What a row gets does not depend on the others.
using Multiply = void (*)(const void * group, int64_t blocks, const Activations * activations, int64_t rows,
                          float * const * out);

// What one kind of processor can do.
struct Kernels {
    const char * name;
    Quantise quantise;
    Multiply multiply_q4_0;
    Multiply multiply_q4_1;
    Multiply multiply_q5_0;
    Multiply multiply_q5_1;
    Multiply multiply_q8_0;
    Multiply multiply_q4_k;
    Multiply multiply_q5_k;
    Multiply multiply_q6_k;
    Attend attend;
};

extern const Kernels AVX512_VNNI;
extern const Kernels AVX_VNNI;
extern const Kernels AVX2;

} // namespace oriel
