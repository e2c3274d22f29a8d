// How weights and activations lie in memory for the kernels beside this file: sixteen rows of a matrix stand side by
// side, so that a vector register takes the same columns of all of them, and no result has to be added up across lanes.
//
// The files of the kernels are compiled for processors that the rest need not have: nothing but plain data may be
// shared with them, or the linker might take an inline function of theirs for everybody.
#pragma once

#include "attention.h"

#include <stdint.h>

namespace oriel {

constexpr int GROUP_ROWS = 16;
// Columns that share a scale, in ggml's formats and here.
constexpr int BLOCK_COLUMNS = 32;
// Rows of activations that a kernel works on at once: as many as leave registers for the weights.
constexpr int TILE_ROWS = 8;

// A block of a group, of ggml's Q4_1: value = d * q + m. Each four bytes of q are one row's: their low halves columns
// 4i to 4i+3, the high ones 16 columns on. As large as the sixteen blocks that it is made from.
struct PackedQ4_1 {
    uint16_t d[GROUP_ROWS]; // half precision
    uint16_t m[GROUP_ROWS];
    uint8_t q[BLOCK_COLUMNS / 8][GROUP_ROWS][4];
};

// A block of a group, of ggml's Q8_0: value = d * (q - 128). The scales of all blocks of a group stand before the first
// of these, so that both stay aligned.
struct PackedQ8_0 {
    uint8_t q[BLOCK_COLUMNS / 4][GROUP_ROWS][4];
};

// A block of one row of activations: value = d * q.
struct Activations {
    float d;
    float d_sum;    // d times the sum of q
    int32_t offset; // -128 times the sum of q
    int8_t q[BLOCK_COLUMNS];
};

// Makes `blocks` blocks of activations.
using Quantise = void (*)(const float * values, Activations * blocks_out, int64_t blocks);

// Multiplies a group of `blocks` blocks with `rows` rows of activations, at most TILE_ROWS, that are `blocks` blocks
// each; writes the sixteen results of row i to out[i]. What a row gets does not depend on the others.
using Multiply = void (*)(const void * group, int64_t blocks, const Activations * activations, int64_t rows,
                          float * const * out);

// What one kind of processor can do; null where it cannot.
struct Kernels {
    const char * name;
    Quantise quantise;
    Multiply multiply_q4_1;
    Multiply multiply_q8_0;
    Attend attend;
};

extern const Kernels AVX512_VNNI;
extern const Kernels AVX2;

} // namespace oriel
