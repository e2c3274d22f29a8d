// Vectors of AVX2: a register holds four columns of eight rows, half a group. For files that are compiled for such
// processors only, as everything that they include.
#pragma once

#include "packed.h"

#include <immintrin.h>

namespace oriel {
namespace {

struct Avx2 {
    using Floats = __m256;
    using Ints = __m256i;
    static constexpr int LANES = 8;
    // Rows of activations in one go: of 16 registers two are each row's.
    static constexpr int ROWS = 4;
    // Without VNNI, products of two bytes are added up in sixteen bits, for which codes of eight bits without a sign are
    // too large.
    static constexpr bool HAS_SIGNED_BYTES = true;

    static Floats zero() { return _mm256_setzero_ps(); }
    static Floats all(float value) { return _mm256_set1_ps(value); }
    static Floats load(const float * from) { return _mm256_loadu_ps(from); }
    static void store(float * to, Floats x) { _mm256_storeu_ps(to, x); }
    static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
    static Floats subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
    static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
    static Floats largest(Floats a, Floats b) { return _mm256_max_ps(a, b); }
    static Floats magnitude(Floats x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
    // a * b + c
    static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
    static Floats nearest(Floats x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static float largest_lane(Floats x) {
        const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
    }
    static float sum_of_lanes(Floats x) {
        const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }

    // Half precision, bytes and whole numbers as floats.
    static Floats halves(const void * from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) from)); }
    static Floats unsigned_bytes(const uint8_t * from) {
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) from)));
    }
    static Floats signed_bytes(const int8_t * from) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) from)));
    }
    static Floats floats(Ints x) { return _mm256_cvtepi32_ps(x); }

    static Ints no_ints() { return _mm256_setzero_si256(); }
    static Ints add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
    static Ints rounded(Floats x) { return _mm256_cvtps_epi32(x); }
    static int sum_of_lanes(Ints x) {
        const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
        const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
        return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
    }
    static void store_bytes(int8_t * to, Ints x) {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
        _mm_storel_epi64((__m128i *) to, _mm_packs_epi16(words, words));
    }

    // Bytes; shifts move bits into their neighbours, which are masked away.
    static Ints load_bytes(const uint8_t * from) { return _mm256_loadu_si256((const __m256i *) from); }
    static Ints masked(Ints x, int mask) { return _mm256_and_si256(x, _mm256_set1_epi8((char) mask)); }
    static Ints with(Ints a, Ints b) { return _mm256_or_si256(a, b); }
    template <int BITS> static Ints left(Ints x) { return _mm256_slli_epi16(x, BITS); }
    template <int BITS> static Ints right(Ints x) { return _mm256_srli_epi16(x, BITS); }

    // Four activations, for each row.
    static Ints four(const int8_t * activations) {
        int32_t four;
        __builtin_memcpy(&four, activations, sizeof four);
        return _mm256_set1_epi32(four);
    }

    // Adds to `start` what sixteen codes of each row and sixteen activations give. Sixteen bits hold
    // 8 * 31 * 127 = 31,496 and 4 * 63 * 127 = 32,004, and of signed bytes 2 * 128 * 127 = 32,512.
    template <int BITS> static Ints dot(Ints start, const Ints (&codes)[4], const int8_t * activations) {
        const Ints ones = _mm256_set1_epi16(1);
        if (BITS == 8) {
            for (int part = 0; part < 4; part++) {
                const Ints signed_codes = _mm256_xor_si256(codes[part], _mm256_set1_epi8((char) 0x80));
                const Ints x = _mm256_sign_epi8(four(activations + 4 * part), signed_codes);
                const Ints pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed_codes), x);
                start = _mm256_add_epi32(start, _mm256_madd_epi16(pairs, ones));
            }
            return start;
        }
        Ints pairs[4];
        for (int part = 0; part < 4; part++) {
            pairs[part] = _mm256_maddubs_epi16(codes[part], four(activations + 4 * part));
        }
        const Ints a = _mm256_add_epi16(pairs[0], pairs[1]), b = _mm256_add_epi16(pairs[2], pairs[3]);
        if (BITS == 6) {
            start = _mm256_add_epi32(start, _mm256_madd_epi16(a, ones));
            return _mm256_add_epi32(start, _mm256_madd_epi16(b, ones));
        }
        return _mm256_add_epi32(start, _mm256_madd_epi16(_mm256_add_epi16(a, b), ones));
    }

    // p times 2 to the power of n where `counts` is above `least`, else 0.
    static Floats scaled_above(Floats counts, float least, Floats p, Floats n) {
        const Ints exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
        const Floats counted = _mm256_cmp_ps(counts, _mm256_set1_ps(least), _CMP_GT_OQ);
        return _mm256_and_ps(counted, _mm256_mul_ps(p, _mm256_castsi256_ps(exponent)));
    }
    static bool is_any_above(Floats x, float least) {
        return _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_set1_ps(least), _CMP_GT_OQ)) != 0;
    }

    // Adds up each of eight registers; the sums, in their order.
    static Floats sums_of(Floats * x) {
        const Floats a = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
        const Floats b = _mm256_hadd_ps(_mm256_hadd_ps(x[4], x[5]), _mm256_hadd_ps(x[6], x[7]));
        return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
    }
};

} // namespace
} // namespace oriel
