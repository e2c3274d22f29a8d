// Each format tells the codes of a block, four columns in one word, and where its scales go; what is made of the codes
// depends on their size alone.

#include "oriel_packing.h"

#include "kernels/packed.h"

#define GGML_COMMON_DECL_CPP
#include "ggml-common.h"

#include <cstring>

namespace oriel {
namespace {

// The codes of one row of a block, without a sign: column c is byte c % 4 of word c / 4.
using Codes = uint32_t[BLOCK_COLUMNS / 4];

uint32_t word(const void * from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    return four;
}

// Bits 0 to 3 of `bits`, as the fifth bits of four codes.
uint32_t fifth_bits(uint32_t bits) {
    return ((bits & 0xf) * 0x00204081 & 0x01010101) << 4;
}

void nibbles(const uint8_t * from, Codes & codes) {
    for (int part = 0; part < 4; part++) {
        codes[part] = word(from + 4 * part) & 0x0f0f0f0f;
        codes[part + 4] = word(from + 4 * part) >> 4 & 0x0f0f0f0f;
    }
}

void add_fifth_bits(const uint8_t * from, Codes & codes) {
    for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
        codes[part] |= fifth_bits(word(from) >> 4 * part);
    }
}

void codes_of(const block_q4_0 & block, int, Codes & codes) {
    nibbles(block.qs, codes);
}

void codes_of(const block_q4_1 & block, int, Codes & codes) {
    nibbles(block.qs, codes);
}

void codes_of(const block_q5_0 & block, int, Codes & codes) {
    nibbles(block.qs, codes);
    add_fifth_bits(block.qh, codes);
}

void codes_of(const block_q5_1 & block, int, Codes & codes) {
    nibbles(block.qs, codes);
    add_fifth_bits(block.qh, codes);
}

void codes_of(const block_q8_0 & block, int, Codes & codes) {
    for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
        codes[part] = word(block.qs + 4 * part) ^ 0x80808080; // adds 128 to each
    }
}

// Of ggml's 256 columns, those of one of our blocks.
void codes_of(const block_q4_K & block, int i, Codes & codes) {
    for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
        codes[part] = word(block.qs + i / 2 * 32 + 4 * part) >> i % 2 * 4 & 0x0f0f0f0f;
    }
}

void codes_of(const block_q5_K & block, int i, Codes & codes) {
    for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
        codes[part] = word(block.qs + i / 2 * 32 + 4 * part) >> i % 2 * 4 & 0x0f0f0f0f;
        codes[part] |= (word(block.qh + 4 * part) >> i & 0x01010101) << 4;
    }
}

void codes_of(const block_q6_K & block, int i, Codes & codes) {
    const uint8_t * low = block.ql + i / 4 * 64 + i % 2 * 32;
    const uint8_t * high = block.qh + i / 4 * 32;
    for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
        codes[part] = word(low + 4 * part) >> i % 4 / 2 * 4 & 0x0f0f0f0f;
        codes[part] |= (word(high + 4 * part) >> i % 4 * 2 & 0x03030303) << 4;
    }
}

template <class Block>
void put_scales(const Block & block, int row, Scales & out) {
    out.d[row] = block.d;
}

template <class Block>
void put_scales(const Block & block, int row, ScalesAndMinimums & out) {
    out.d[row] = block.data.data.d;
    out.m[row] = block.data.data.m;
}

template <class Block>
void put_scales(const Block & block, int row, NestedScales & out) {
    out.d[row] = block.data.data.d;
    out.m[row] = block.data.data.dmin;
    const uint8_t * from = block.scales;
    for (int i = 0; i < 4; i++) {
        // Six bits of each, of blocks i and i + 4.
        const int scale = from[i] & 63, minimum = from[i + 4] & 63;
        const int later_scale = (from[i + 8] & 15) | from[i] >> 6 << 4;
        const int later_minimum = from[i + 8] >> 4 | from[i + 4] >> 6 << 4;
        out.low[i][row] = (uint8_t) ((scale & 15) | minimum << 4);
        out.low[i + 4][row] = (uint8_t) ((later_scale & 15) | later_minimum << 4);
        out.high[i][row] =
            (uint8_t) (scale >> 4 | minimum >> 4 << 2 | later_scale >> 4 << 4 | later_minimum >> 4 << 6);
    }
}

template <class Block>
void put_scales(const Block & block, int row, NestedScalesOfHalves & out) {
    out.d[row] = block.d;
    for (int i = 0; i < 16; i++) {
        out.scale[i][row] = block.scales[i];
    }
}

// Where a row's four columns of a part begin.
uint8_t * place(uint8_t * codes, int part, int row) {
    return codes + (part * GROUP_ROWS + row) * 4;
}

void put(uint8_t * at, uint32_t four) {
    memcpy(at, &four, sizeof four);
}

template <int BITS>
void put_codes(const Codes & codes, int row, uint8_t * out) {
    if (BITS == 8) {
        for (int part = 0; part < 8; part++) {
            put(place(out, part, row), codes[part]);
        }
        return;
    }
    uint32_t fifths = 0, sixths[2] = {0, 0};
    for (int part = 0; part < 4; part++) {
        const uint32_t lower = codes[part], upper = codes[part + 4];
        put(place(out, part, row), (lower & 0x0f0f0f0f) | (upper & 0x0f0f0f0f) << 4);
        fifths |= (lower >> 4 & 0x01010101) << part | (upper >> 4 & 0x01010101) << (4 + part);
        sixths[0] |= (lower >> 4 & 0x03030303) << 2 * part;
        sixths[1] |= (upper >> 4 & 0x03030303) << 2 * part;
    }
    if (BITS == 5) {
        put(place(out, 4, row), fifths);
    } else if (BITS == 6) {
        put(place(out, 4, row), sixths[0]);
        put(place(out, 5, row), sixths[1]);
    }
}

template <class F, class Block>
void pack_as(const void * matrix, int64_t columns, int64_t rows, void * packed) {
    const int64_t row_blocks = columns / (BLOCK_COLUMNS * F::BLOCKS);
    static_assert(sizeof(typename F::Scales) + F::BLOCKS * F::CODE_BYTES == GROUP_ROWS * sizeof(Block), "as large");
    for (int64_t first = 0; first < rows; first += GROUP_ROWS) {
        const Block * from = (const Block *) matrix + first * row_blocks;
        typename F::Scales * scales = (typename F::Scales *) ((Block *) packed + first * row_blocks);
        uint8_t * codes = (uint8_t *) (scales + row_blocks);
        for (int row = 0; row < GROUP_ROWS; row++) {
            for (int64_t i = 0; i < row_blocks; i++) {
                const Block & block = from[row * row_blocks + i];
                put_scales(block, row, scales[i]);
                for (int of_scales = 0; of_scales < F::BLOCKS; of_scales++) {
                    Codes of_row;
                    codes_of(block, of_scales, of_row);
                    put_codes<F::BITS>(of_row, row, codes + (i * F::BLOCKS + of_scales) * F::CODE_BYTES);
                }
            }
        }
    }
}

using Pack = void (*)(const void * matrix, int64_t columns, int64_t rows, void * packed);

Pack pack_for(ggml_type type) {
    switch (type) {
        case GGML_TYPE_Q4_0: return pack_as<Q4_0, block_q4_0>;
        case GGML_TYPE_Q4_1: return pack_as<Q4_1, block_q4_1>;
        case GGML_TYPE_Q5_0: return pack_as<Q5_0, block_q5_0>;
        case GGML_TYPE_Q5_1: return pack_as<Q5_1, block_q5_1>;
        case GGML_TYPE_Q8_0: return pack_as<Q8_0, block_q8_0>;
        case GGML_TYPE_Q4_K: return pack_as<Q4_K, block_q4_K>;
        case GGML_TYPE_Q5_K: return pack_as<Q5_K, block_q5_K>;
        case GGML_TYPE_Q6_K: return pack_as<Q6_K, block_q6_K>;
        default: return nullptr;
    }
}

} // namespace

bool has_packed_form(ggml_type type) {
    return pack_for(type) != nullptr;
}

void pack(ggml_type type, const void * matrix, int64_t columns, int64_t rows, void * packed) {
    pack_for(type)(matrix, columns, rows, packed);
}

} // namespace oriel
