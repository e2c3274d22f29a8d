// Products of matrices, for any kind of vectors (avx512.h, avx2.h): included by the one file that is compiled for these.
//
// Products of codes and activations are whole numbers, so exact. What is rounded goes along the blocks one after another,
// in the same order however many rows there are.
#pragma once

#include "packed.h"

namespace oriel {
namespace {

template <class V>
void quantise(const float * values, Activations * blocks_out, int64_t blocks) {
    for (int64_t i = 0; i < blocks; i++, values += BLOCK_COLUMNS) {
        auto magnitudes = V::zero();
        for (int column = 0; column < BLOCK_COLUMNS; column += V::LANES) {
            magnitudes = V::largest(magnitudes, V::magnitude(V::load(values + column)));
        }
        const float largest = V::largest_lane(magnitudes);
        const auto inverse = V::all(largest == 0.0f ? 0.0f : 127.0f / largest);
        Activations & block = blocks_out[i];
        int sums[2];
        for (int half = 0; half < 2; half++) {
            auto sum = V::no_ints();
            for (int column = 16 * half; column < 16 * (half + 1); column += V::LANES) {
                const auto q = V::rounded(V::multiply(V::load(values + column), inverse));
                sum = V::add(sum, q);
                V::store_bytes(block.q + column, q);
            }
            sums[half] = V::sum_of_lanes(sum);
            block.half_sums[half] = largest / 127.0f * (float) sums[half];
        }
        block.d = largest / 127.0f;
        block.sum = block.d * (float) (sums[0] + sums[1]);
    }
}

// value = d * code + m, for as many rows as there are lanes.
template <class V>
struct Scale {
    typename V::Floats d, m;
};

// What scales say, from row `lane` of the group on.
template <class V>
Scale<V> scale_of(const Scales & scales, int lane, int, int) {
    return {V::halves(scales.d + lane), V::zero()};
}

template <class V>
Scale<V> scale_of(const ScalesAndMinimums & scales, int lane, int, int) {
    return {V::halves(scales.d + lane), V::halves(scales.m + lane)};
}

// Nested scales without their packing.
struct Unnested {
    const NestedScales & nested;
    uint8_t scale[8][GROUP_ROWS];
    uint8_t minimum[8][GROUP_ROWS];

    explicit Unnested(const NestedScales & from) : nested(from) {
        for (int block = 0; block < 4; block++) {
            for (int row = 0; row < GROUP_ROWS; row++) {
                const int high = from.high[block][row], low = from.low[block][row], later = from.low[block + 4][row];
                scale[block][row] = (low & 0x0f) | (high << 4 & 0x30);
                minimum[block][row] = low >> 4 | (high << 2 & 0x30);
                scale[block + 4][row] = (later & 0x0f) | (high & 0x30);
                minimum[block + 4][row] = later >> 4 | (high >> 2 & 0x30);
            }
        }
    }
};

template <class V>
Scale<V> scale_of(const Unnested & scales, int lane, int block, int) {
    const auto d = V::halves(scales.nested.d + lane);
    const auto m = V::multiply(V::halves(scales.nested.m + lane), V::all(-1.0f));
    return {V::multiply(d, V::unsigned_bytes(scales.scale[block] + lane)),
            V::multiply(m, V::unsigned_bytes(scales.minimum[block] + lane))};
}

template <class V>
Scale<V> scale_of(const NestedScalesOfHalves & scales, int lane, int block, int part) {
    const auto d = V::halves(scales.d + lane);
    return {V::multiply(d, V::signed_bytes(scales.scale[2 * block + part] + lane)), V::zero()};
}

// What is read of scales before their blocks.
template <class AnyScales> struct Opened { using Type = const AnyScales &; };
template <> struct Opened<NestedScales> { using Type = const Unnested; };

// The codes of a half of a block, from row `lane` of the group on: a register for each four columns.
template <class V, int BITS, int HALF>
void read_codes(const uint8_t * block, int lane, typename V::Ints (&codes)[4]) {
    constexpr int PART_BYTES = 4 * GROUP_ROWS;
    const uint8_t * at = block + 4 * lane;
    if (BITS == 8) {
        for (int part = 0; part < 4; part++) {
            codes[part] = V::load_bytes(at + (4 * HALF + part) * PART_BYTES);
        }
        return;
    }
    for (int part = 0; part < 4; part++) {
        const auto packed = V::load_bytes(at + part * PART_BYTES);
        codes[part] = V::masked(HALF == 0 ? packed : V::template right<4>(packed), 0x0f);
    }
    const uint8_t * above = at + 4 * PART_BYTES;
    if (BITS == 5) {
        const auto high = V::load_bytes(above);
        if (HALF == 0) {
            codes[0] = V::with(codes[0], V::masked(V::template left<4>(high), 0x10));
            codes[1] = V::with(codes[1], V::masked(V::template left<3>(high), 0x10));
            codes[2] = V::with(codes[2], V::masked(V::template left<2>(high), 0x10));
            codes[3] = V::with(codes[3], V::masked(V::template left<1>(high), 0x10));
        } else {
            codes[0] = V::with(codes[0], V::masked(high, 0x10));
            codes[1] = V::with(codes[1], V::masked(V::template right<1>(high), 0x10));
            codes[2] = V::with(codes[2], V::masked(V::template right<2>(high), 0x10));
            codes[3] = V::with(codes[3], V::masked(V::template right<3>(high), 0x10));
        }
    } else if (BITS == 6) {
        const auto high = V::load_bytes(above + HALF * PART_BYTES);
        codes[0] = V::with(codes[0], V::masked(V::template left<4>(high), 0x30));
        codes[1] = V::with(codes[1], V::masked(V::template left<2>(high), 0x30));
        codes[2] = V::with(codes[2], V::masked(high, 0x30));
        codes[3] = V::with(codes[3], V::masked(V::template right<2>(high), 0x30));
    }
}

// Adds to `dots` what a half of a block gives with each row of activations, which are `stride` blocks apart.
template <class V, int BITS, int HALF, int ROWS>
void add_half(const uint8_t * block, int lane, const Activations * x, int64_t stride, typename V::Ints (&dots)[ROWS]) {
    typename V::Ints codes[4];
    read_codes<V, BITS, HALF>(block, lane, codes);
    for (int row = 0; row < ROWS; row++) {
        dots[row] = V::template dot<BITS>(dots[row], codes, x[row * stride].q + 16 * HALF);
    }
}

// How far ahead weights are asked for: reading them takes longer than what one row of activations makes of them.
constexpr int AHEAD_BYTES = 8192;

// Multiplies the rows of a group from `lane` on, as many as there are lanes.
template <class V, class F, int ROWS>
void multiply_tile(const void * group, int lane, int64_t blocks, const Activations * x, float * const * out) {
    using OfFormat = typename F::Scales;
    constexpr int PARTS = OfFormat::PER_BLOCK;
    constexpr int OFFSET = F::BITS == 8 && V::HAS_SIGNED_BYTES ? 0 : F::OFFSET;
    const OfFormat * scales = (const OfFormat *) group;
    const uint8_t * codes = (const uint8_t *) (scales + blocks / F::BLOCKS);
    typename V::Floats sums[ROWS];
    for (int row = 0; row < ROWS; row++) {
        sums[row] = V::zero();
    }
    for (int64_t first = 0; first < blocks; first += F::BLOCKS, scales++) {
        typename Opened<OfFormat>::Type opened(*scales);
        for (int block = 0; block < F::BLOCKS; block++, codes += F::CODE_BYTES) {
            for (int at = 0; at < F::CODE_BYTES; at += 64) {
                __builtin_prefetch(codes + AHEAD_BYTES + at);
            }
            for (int part = 0; part < PARTS; part++) {
                typename V::Ints dots[ROWS];
                for (int row = 0; row < ROWS; row++) {
                    dots[row] = V::no_ints();
                }
                const Activations * at = x + first + block;
                if (PARTS == 1 || part == 0) {
                    add_half<V, F::BITS, 0, ROWS>(codes, lane, at, blocks, dots);
                }
                if (PARTS == 1 || part == 1) {
                    add_half<V, F::BITS, 1, ROWS>(codes, lane, at, blocks, dots);
                }
                Scale<V> scale = scale_of<V>(opened, lane, block, part);
                if (OFFSET != 0) {
                    scale.m = V::multiply(scale.d, V::all(-OFFSET));
                }
                for (int row = 0; row < ROWS; row++) {
                    const Activations & of = at[row * blocks];
                    if (F::OFFSET == 0 || OFFSET != 0) {
                        const float sum = PARTS == 1 ? of.sum : of.half_sums[part];
                        sums[row] = V::multiply_add(scale.m, V::all(sum), sums[row]);
                    }
                    const auto d = V::multiply(scale.d, V::all(of.d));
                    sums[row] = V::multiply_add(V::floats(dots[row]), d, sums[row]);
                }
            }
        }
    }
    for (int row = 0; row < ROWS; row++) {
        V::store(out[row] + lane, sums[row]);
    }
}

// `rows` rows, at most ROWS.
template <class V, class F, int ROWS = V::ROWS>
void multiply_rows(const void * group, int64_t blocks, const Activations * x, int64_t rows, float * const * out) {
    if constexpr (ROWS > 1) {
        if (rows < ROWS) {
            return multiply_rows<V, F, ROWS - 1>(group, blocks, x, rows, out);
        }
    }
    for (int lane = 0; lane < GROUP_ROWS; lane += V::LANES) {
        multiply_tile<V, F, ROWS>(group, lane, blocks, x, out);
    }
}

template <class V, class F>
void multiply(const void * group, int64_t blocks, const Activations * x, int64_t rows, float * const * out) {
    for (int64_t first = 0; first < rows; first += V::ROWS) {
        const int64_t count = rows - first < V::ROWS ? rows - first : V::ROWS;
        multiply_rows<V, F>(group, blocks, x + first * blocks, count, out + first);
    }
}

} // namespace
} // namespace oriel
