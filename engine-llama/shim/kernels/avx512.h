// Vectors of AVX-512: one register holds four columns of all sixteen rows of a group. For the file that is compiled for
// such processors only, as everything that it includes.
#pragma once

#include "packed.h"

#include <immintrin.h>

namespace oriel {
namespace {

struct Avx512 {
    using Floats = __m512;
    using Ints = __m512i;
    static constexpr int LANES = 16;
    // Rows of activations in one go: of 32 registers two are each row's.
    static constexpr int ROWS = 8;
    // Codes of eight bits are multiplied as they are stored, without a sign.
    static constexpr bool HAS_SIGNED_BYTES = false;

    static Floats zero() { return _mm512_setzero_ps(); }
    static Floats all(float value) { return _mm512_set1_ps(value); }
    static Floats load(const float * from) { return _mm512_loadu_ps(from); }
    static void store(float * to, Floats x) { _mm512_storeu_ps(to, x); }
    static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
    static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
    static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
    static Floats largest(Floats a, Floats b) { return _mm512_max_ps(a, b); }
    static Floats magnitude(Floats x) { return _mm512_abs_ps(x); }
    // a * b + c
    static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
    static Floats nearest(Floats x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT); }
    static float largest_lane(Floats x) { return _mm512_reduce_max_ps(x); }
    static float sum_of_lanes(Floats x) { return _mm512_reduce_add_ps(x); }

    // Half precision, bytes and whole numbers as floats.
    static Floats halves(const void * from) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) from)); }
    static Floats unsigned_bytes(const uint8_t * from) {
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) from)));
    }
    static Floats signed_bytes(const int8_t * from) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) from)));
    }
    static Floats floats(Ints x) { return _mm512_cvtepi32_ps(x); }

    static Ints no_ints() { return _mm512_setzero_si512(); }
    static Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
    static Ints rounded(Floats x) { return _mm512_cvtps_epi32(x); }
    static int sum_of_lanes(Ints x) { return _mm512_reduce_add_epi32(x); }
    static void store_bytes(int8_t * to, Ints x) { _mm_storeu_si128((__m128i *) to, _mm512_cvtepi32_epi8(x)); }

    // Bytes; shifts move bits into their neighbours, which are masked away.
    static Ints load_bytes(const uint8_t * from) { return _mm512_loadu_si512(from); }
    static Ints masked(Ints x, int mask) { return _mm512_and_si512(x, _mm512_set1_epi8((char) mask)); }
    static Ints with(Ints a, Ints b) { return _mm512_or_si512(a, b); }
    template <int BITS> static Ints left(Ints x) { return _mm512_slli_epi16(x, BITS); }
    template <int BITS> static Ints right(Ints x) { return _mm512_srli_epi16(x, BITS); }

    // Adds to `start` what sixteen codes of each row and sixteen activations give.
    template <int BITS> static Ints dot(Ints start, const Ints (&codes)[4], const int8_t * activations) {
        for (int part = 0; part < 4; part++) {
            int32_t four;
            __builtin_memcpy(&four, activations + 4 * part, sizeof four);
            start = _mm512_dpbusd_epi32(start, codes[part], _mm512_set1_epi32(four));
        }
        return start;
    }

    // p times 2 to the power of n where `counts` is above `least`, else 0.
    static Floats scaled_above(Floats counts, float least, Floats p, Floats n) {
        return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(counts, _mm512_set1_ps(least), _CMP_GT_OQ), p, n);
    }
    static bool is_any_above(Floats x, float least) {
        return _mm512_cmp_ps_mask(x, _mm512_set1_ps(least), _CMP_GT_OQ) != 0;
    }

    // Adds up each of sixteen registers; the sums, in their order.
    static Floats sums_of(Floats * x) {
        // Each round halves the number of registers and doubles what a lane has been added up from.
        for (int i = 0; i < 8; i++) {
            const Floats a = x[2 * i], b = x[2 * i + 1];
            x[i] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        }
        for (int i = 0; i < 4; i++) {
            const __m512d a = _mm512_castps_pd(x[2 * i]), b = _mm512_castps_pd(x[2 * i + 1]);
            x[i] =
                _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
        }
        for (int i = 0; i < 2; i++) {
            const Floats a = x[2 * i], b = x[2 * i + 1];
            x[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
        }
        return _mm512_add_ps(_mm512_shuffle_f32x4(x[0], x[1], 0x88), _mm512_shuffle_f32x4(x[0], x[1], 0xdd));
    }
};

} // namespace
} // namespace oriel
