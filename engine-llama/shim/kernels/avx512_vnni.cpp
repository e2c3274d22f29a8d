// For processors with AVX-512 and its VNNI: one register holds four columns of all sixteen rows of a group.

#include "packed.h"

#include <immintrin.h>

namespace oriel {
namespace {

void quantise(const float * values, Activations * blocks_out, int64_t blocks) {
    for (int64_t i = 0; i < blocks; i++) {
        const __m512 a = _mm512_loadu_ps(values + i * BLOCK_COLUMNS);
        const __m512 b = _mm512_loadu_ps(values + i * BLOCK_COLUMNS + 16);
        const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
        const __m512 inverse = _mm512_set1_ps(largest == 0.0f ? 0.0f : 127.0f / largest);
        const __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
        const __m512i qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
        const int sum = _mm512_reduce_add_epi32(_mm512_add_epi32(qa, qb));
        Activations & block = blocks_out[i];
        block.d = largest / 127.0f;
        block.d_sum = block.d * (float) sum;
        block.offset = -128 * sum;
        _mm_storeu_si128((__m128i *) block.q, _mm512_cvtepi32_epi8(qa));
        _mm_storeu_si128((__m128i *) (block.q + 16), _mm512_cvtepi32_epi8(qb));
    }
}

// Four columns of a row of activations, for each row of the group.
__m512i columns(const Activations & block, int first) {
    int32_t four;
    __builtin_memcpy(&four, block.q + first, sizeof four);
    return _mm512_set1_epi32(four);
}

__m512 halves(const uint16_t * values) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) values));
}

template <int ROWS>
void tile_q4_1(const PackedQ4_1 * group, int64_t blocks, const Activations * activations, float * const * out) {
    const __m512i low = _mm512_set1_epi8(0x0f);
    __m512 sums[ROWS];
    for (int row = 0; row < ROWS; row++) {
        sums[row] = _mm512_setzero_ps();
    }
    for (int64_t i = 0; i < blocks; i++) {
        const PackedQ4_1 & block = group[i];
        __m512i dots[ROWS];
        for (int row = 0; row < ROWS; row++) {
            dots[row] = _mm512_setzero_si512();
        }
        for (int part = 0; part < BLOCK_COLUMNS / 8; part++) {
            const __m512i packed = _mm512_loadu_si512(block.q[part]);
            const __m512i first = _mm512_and_si512(packed, low);
            const __m512i second = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
            for (int row = 0; row < ROWS; row++) {
                const Activations & x = activations[row * blocks + i];
                dots[row] = _mm512_dpbusd_epi32(dots[row], first, columns(x, 4 * part));
                dots[row] = _mm512_dpbusd_epi32(dots[row], second, columns(x, 16 + 4 * part));
            }
        }
        const __m512 d = halves(block.d);
        const __m512 m = halves(block.m);
        for (int row = 0; row < ROWS; row++) {
            const Activations & x = activations[row * blocks + i];
            const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(x.d));
            sums[row] = _mm512_fmadd_ps(m, _mm512_set1_ps(x.d_sum), sums[row]);
            sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[row]), scale, sums[row]);
        }
    }
    for (int row = 0; row < ROWS; row++) {
        _mm512_storeu_ps(out[row], sums[row]);
    }
}

template <int ROWS>
void tile_q8_0(const uint16_t * scales, const PackedQ8_0 * group, int64_t blocks, const Activations * activations,
               float * const * out) {
    __m512 sums[ROWS];
    for (int row = 0; row < ROWS; row++) {
        sums[row] = _mm512_setzero_ps();
    }
    for (int64_t i = 0; i < blocks; i++) {
        __m512i dots[ROWS];
        for (int row = 0; row < ROWS; row++) {
            dots[row] = _mm512_set1_epi32(activations[row * blocks + i].offset);
        }
        for (int part = 0; part < BLOCK_COLUMNS / 4; part++) {
            const __m512i weights = _mm512_loadu_si512(group[i].q[part]);
            for (int row = 0; row < ROWS; row++) {
                const Activations & x = activations[row * blocks + i];
                dots[row] = _mm512_dpbusd_epi32(dots[row], weights, columns(x, 4 * part));
            }
        }
        const __m512 d = halves(scales + i * GROUP_ROWS);
        for (int row = 0; row < ROWS; row++) {
            const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(activations[row * blocks + i].d));
            sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[row]), scale, sums[row]);
        }
    }
    for (int row = 0; row < ROWS; row++) {
        _mm512_storeu_ps(out[row], sums[row]);
    }
}

void multiply_q4_1(const void * group, int64_t blocks, const Activations * x, int64_t rows, float * const * out) {
    const PackedQ4_1 * w = (const PackedQ4_1 *) group;
    switch (rows) {
        case 1: return tile_q4_1<1>(w, blocks, x, out);
        case 2: return tile_q4_1<2>(w, blocks, x, out);
        case 3: return tile_q4_1<3>(w, blocks, x, out);
        case 4: return tile_q4_1<4>(w, blocks, x, out);
        case 5: return tile_q4_1<5>(w, blocks, x, out);
        case 6: return tile_q4_1<6>(w, blocks, x, out);
        case 7: return tile_q4_1<7>(w, blocks, x, out);
        default: return tile_q4_1<8>(w, blocks, x, out);
    }
}

void multiply_q8_0(const void * group, int64_t blocks, const Activations * x, int64_t rows, float * const * out) {
    const uint16_t * scales = (const uint16_t *) group;
    const PackedQ8_0 * w = (const PackedQ8_0 *) (scales + blocks * GROUP_ROWS);
    switch (rows) {
        case 1: return tile_q8_0<1>(scales, w, blocks, x, out);
        case 2: return tile_q8_0<2>(scales, w, blocks, x, out);
        case 3: return tile_q8_0<3>(scales, w, blocks, x, out);
        case 4: return tile_q8_0<4>(scales, w, blocks, x, out);
        case 5: return tile_q8_0<5>(scales, w, blocks, x, out);
        case 6: return tile_q8_0<6>(scales, w, blocks, x, out);
        case 7: return tile_q8_0<7>(scales, w, blocks, x, out);
        default: return tile_q8_0<8>(scales, w, blocks, x, out);
    }
}

} // namespace

const Kernels AVX512_VNNI = {"avx512_vnni", quantise, multiply_q4_1, multiply_q8_0, attend_avx512};

} // namespace oriel
