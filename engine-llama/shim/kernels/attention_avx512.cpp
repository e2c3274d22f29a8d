// Attention for processors with AVX-512: scores, their exponentials and the sum of values go along the keys once, sixteen
// at a time, all in single precision.

#include "attention.h"

#include <immintrin.h>

namespace oriel {
namespace {

constexpr int PARTS_MAX = HEAD_MAX / HEAD_STEP;
constexpr float HIDDEN = -__builtin_inff();

// Adds up each of sixteen registers; the sums, in their order.
__m512 sums_of(__m512 * x) {
    // Each round halves the number of registers and doubles what a lane has been added up from.
    for (int i = 0; i < 8; i++) {
        const __m512 a = x[2 * i], b = x[2 * i + 1];
        x[i] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    }
    for (int i = 0; i < 4; i++) {
        const __m512d a = _mm512_castps_pd(x[2 * i]), b = _mm512_castps_pd(x[2 * i + 1]);
        x[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    for (int i = 0; i < 2; i++) {
        const __m512 a = x[2 * i], b = x[2 * i + 1];
        x[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    }
    return _mm512_add_ps(_mm512_shuffle_f32x4(x[0], x[1], 0x88), _mm512_shuffle_f32x4(x[0], x[1], 0xdd));
}

// e to the power of values that are at most 0; exactly 0 far below.
__m512 exponential(__m512 x) {
    const __mmask16 counts = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_GT_OQ);
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_maskz_scalef_ps(counts, p, n);
}

__m512 halves(const void * values) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) values));
}

// One query on its way along the keys.
struct Row {
    float largest;
    float sum;
    __m512 out[PARTS_MAX];
};

template <int PARTS>
void convert(const char * from, size_t stride, __m512 (*to)[PARTS]) {
    for (int key = 0; key < ATTENTION_KEYS; key++) {
        for (int part = 0; part < PARTS; part++) {
            to[key][part] = halves(from + key * stride + part * HEAD_STEP * sizeof(uint16_t));
        }
    }
}

template <int PARTS>
void attend_block(const Attention & job, int row, int64_t first, const __m512 (*keys)[PARTS],
                  const __m512 (*values)[PARTS], Row & state) {
    __m512 query[PARTS];
    for (int part = 0; part < PARTS; part++) {
        query[part] = _mm512_loadu_ps(job.query[row] + part * HEAD_STEP);
    }
    __m512 products[ATTENTION_KEYS];
    for (int key = 0; key < ATTENTION_KEYS; key++) {
        products[key] = _mm512_mul_ps(query[0], keys[key][0]);
        for (int part = 1; part < PARTS; part++) {
            products[key] = _mm512_fmadd_ps(query[part], keys[key][part], products[key]);
        }
    }
    __m512 scores = _mm512_mul_ps(sums_of(products), _mm512_set1_ps(job.scale));
    if (job.mask[row] != nullptr) {
        scores = _mm512_add_ps(scores, halves(job.mask[row] + first));
    }
    const float largest_here = _mm512_reduce_max_ps(scores);
    if (largest_here == HIDDEN) {
        return;
    }
    if (largest_here > state.largest) {
        const __m512 shrink = exponential(_mm512_set1_ps(state.largest - largest_here));
        for (int part = 0; part < PARTS; part++) {
            state.out[part] = _mm512_mul_ps(state.out[part], shrink);
        }
        state.sum *= _mm512_cvtss_f32(shrink);
        state.largest = largest_here;
    }
    const __m512 weights = exponential(_mm512_sub_ps(scores, _mm512_set1_ps(state.largest)));
    state.sum += _mm512_reduce_add_ps(weights);
    float weight[ATTENTION_KEYS];
    _mm512_storeu_ps(weight, weights);
    for (int key = 0; key < ATTENTION_KEYS; key++) {
        const __m512 of_key = _mm512_set1_ps(weight[key]);
        for (int part = 0; part < PARTS; part++) {
            state.out[part] = _mm512_fmadd_ps(of_key, values[key][part], state.out[part]);
        }
    }
}

bool is_seen(const Attention & job, int row, int64_t first) {
    if (job.mask[row] == nullptr) {
        return true;
    }
    const __m512 mask = halves(job.mask[row] + first);
    return _mm512_cmp_ps_mask(mask, _mm512_set1_ps(HIDDEN), _CMP_NEQ_OQ) != 0;
}

template <int PARTS>
void attend(const Attention & job) {
    __m512 keys[ATTENTION_KEYS][PARTS];
    __m512 values[ATTENTION_KEYS][PARTS];
    Row rows[ATTENTION_ROWS];
    for (int row = 0; row < job.rows; row++) {
        rows[row].largest = HIDDEN;
        rows[row].sum = 0.0f;
        for (int part = 0; part < PARTS; part++) {
            rows[row].out[part] = _mm512_setzero_ps();
        }
    }
    for (int64_t first = 0; first < job.count; first += ATTENTION_KEYS) {
        bool is_converted = false;
        for (int row = 0; row < job.rows; row++) {
            if (!is_seen(job, row, first)) {
                continue;
            }
            if (!is_converted) {
                convert<PARTS>(job.keys + first * job.key_stride, job.key_stride, keys);
                convert<PARTS>(job.values + first * job.value_stride, job.value_stride, values);
                is_converted = true;
            }
            attend_block<PARTS>(job, row, first, keys, values, rows[row]);
        }
    }
    for (int row = 0; row < job.rows; row++) {
        const float whole = rows[row].sum == 0.0f ? 0.0f : 1.0f / rows[row].sum;
        for (int part = 0; part < PARTS; part++) {
            _mm512_storeu_ps(job.out[row] + part * HEAD_STEP, _mm512_mul_ps(rows[row].out[part], _mm512_set1_ps(whole)));
        }
    }
}

} // namespace

void attend_avx512(const Attention & job) {
    switch (job.head) {
        case 64: return attend<4>(job);
        case 80: return attend<5>(job);
        case 96: return attend<6>(job);
        case 128: return attend<8>(job);
    }
}

} // namespace oriel
