// For processors with AVX2: a register holds four columns of eight rows, half a group. Q8_0 is left to ggml, whose own
// kernels are as good: without VNNI its bytes cannot be multiplied without taking their signs apart.

#include "packed.h"

#include <immintrin.h>

namespace oriel {
namespace {

float largest_of(__m256 values) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

void quantise(const float * values, Activations * blocks_out, int64_t blocks) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (int64_t i = 0; i < blocks; i++) {
        const float * from = values + i * BLOCK_COLUMNS;
        __m256 largest_lanes = _mm256_setzero_ps();
        for (int part = 0; part < BLOCK_COLUMNS; part += 8) {
            const __m256 magnitude = _mm256_andnot_ps(sign, _mm256_loadu_ps(from + part));
            largest_lanes = _mm256_max_ps(largest_lanes, magnitude);
        }
        const float largest = largest_of(largest_lanes);
        const __m256 inverse = _mm256_set1_ps(largest == 0.0f ? 0.0f : 127.0f / largest);
        Activations & block = blocks_out[i];
        int32_t whole[BLOCK_COLUMNS];
        for (int part = 0; part < BLOCK_COLUMNS; part += 8) {
            const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(from + part), inverse);
            _mm256_storeu_si256((__m256i *) (whole + part), _mm256_cvtps_epi32(scaled));
        }
        int sum = 0;
        for (int column = 0; column < BLOCK_COLUMNS; column++) {
            sum += whole[column];
            block.q[column] = (int8_t) whole[column];
        }
        block.d = largest / 127.0f;
        block.d_sum = block.d * (float) sum;
        block.offset = -128 * sum;
    }
}

__m256i columns(const Activations & block, int first) {
    int32_t four;
    __builtin_memcpy(&four, block.q + first, sizeof four);
    return _mm256_set1_epi32(four);
}

__m256 halves(const uint16_t * values) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) values));
}

// Rows 0 to 7 of the group, or those from 8 on.
template <int ROWS>
void half_q4_1(const PackedQ4_1 * group, int first_row, int64_t blocks, const Activations * activations,
               float * const * out) {
    const __m256i low = _mm256_set1_epi8(0x0f);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 sums[ROWS];
    for (int row = 0; row < ROWS; row++) {
        sums[row] = _mm256_setzero_ps();
    }
    for (int64_t i = 0; i < blocks; i++) {
        const PackedQ4_1 & block = group[i];
        // Sixteen bits hold the sum: it is at most 8 * 2 * 15 * 127 = 30,480.
        __m256i dots[ROWS];
        for (int row = 0; row < ROWS; row++) {
            dots[row] = _mm256_setzero_si256();
        }
        for (int part = 0; part < BLOCK_COLUMNS / 8; part++) {
            const __m256i packed = _mm256_loadu_si256((const __m256i *) block.q[part][first_row]);
            const __m256i first = _mm256_and_si256(packed, low);
            const __m256i second = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low);
            for (int row = 0; row < ROWS; row++) {
                const Activations & x = activations[row * blocks + i];
                const __m256i a = _mm256_maddubs_epi16(first, columns(x, 4 * part));
                const __m256i b = _mm256_maddubs_epi16(second, columns(x, 16 + 4 * part));
                dots[row] = _mm256_add_epi16(dots[row], _mm256_add_epi16(a, b));
            }
        }
        const __m256 d = halves(block.d + first_row);
        const __m256 m = halves(block.m + first_row);
        for (int row = 0; row < ROWS; row++) {
            const Activations & x = activations[row * blocks + i];
            const __m256 dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(dots[row], ones));
            const __m256 scale = _mm256_mul_ps(d, _mm256_set1_ps(x.d));
            sums[row] = _mm256_fmadd_ps(m, _mm256_set1_ps(x.d_sum), sums[row]);
            sums[row] = _mm256_fmadd_ps(dot, scale, sums[row]);
        }
    }
    for (int row = 0; row < ROWS; row++) {
        _mm256_storeu_ps(out[row] + first_row, sums[row]);
    }
}

// Four rows of activations at once: sixteen registers do not hold more.
template <int ROWS>
void tile_q4_1(const PackedQ4_1 * group, int64_t blocks, const Activations * x, float * const * out) {
    half_q4_1<ROWS>(group, 0, blocks, x, out);
    half_q4_1<ROWS>(group, GROUP_ROWS / 2, blocks, x, out);
}

void multiply_q4_1(const void * group, int64_t blocks, const Activations * x, int64_t rows, float * const * out) {
    const PackedQ4_1 * w = (const PackedQ4_1 *) group;
    while (rows >= 4) {
        tile_q4_1<4>(w, blocks, x, out);
        x += 4 * blocks;
        out += 4;
        rows -= 4;
    }
    switch (rows) {
        case 1: return tile_q4_1<1>(w, blocks, x, out);
        case 2: return tile_q4_1<2>(w, blocks, x, out);
        case 3: return tile_q4_1<3>(w, blocks, x, out);
        default: return;
    }
}

} // namespace

const Kernels AVX2 = {"avx2", quantise, multiply_q4_1, nullptr, nullptr};

} // namespace oriel
