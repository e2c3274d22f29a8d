// Attention, for any kind of vectors (avx512.h, avx2.h): scores, their exponentials and the sum of values go along the
// keys once, as many at a time as a register has lanes, all in single precision. Included by the one file that is compiled
// for these vectors.
#pragma once

#include "attention.h"

namespace oriel {
namespace {

constexpr float HIDDEN = -__builtin_inff();

// e to the power of values that are at most 0; exactly 0 far below.
template <class V>
typename V::Floats exponential(typename V::Floats x) {
    constexpr float LEAST = -87.0f;
    const auto clamped = V::largest(x, V::all(LEAST));
    const auto n = V::nearest(V::multiply(clamped, V::all(1.44269504f)));
    auto r = V::multiply_add(n, V::all(-0.693359375f), clamped);
    r = V::multiply_add(n, V::all(2.12194440e-4f), r);
    auto p = V::all(1.9875691500e-4f);
    p = V::multiply_add(p, r, V::all(1.3981999507e-3f));
    p = V::multiply_add(p, r, V::all(8.3334519073e-3f));
    p = V::multiply_add(p, r, V::all(4.1665795894e-2f));
    p = V::multiply_add(p, r, V::all(1.6666665459e-1f));
    p = V::multiply_add(p, r, V::all(5.0000001201e-1f));
    p = V::multiply_add(p, V::multiply(r, r), V::add(r, V::all(1.0f)));
    return V::scaled_above(x, LEAST, p, n);
}

// One query on its way along the keys.
template <class V, int PARTS>
struct Row {
    float largest;
    float sum;
    typename V::Floats out[PARTS];
};

// As many keys or values as there are lanes, in single precision.
template <class V, int PARTS>
using Converted = typename V::Floats[V::LANES][PARTS];

template <class V, int PARTS>
void convert(const char * from, size_t stride, Converted<V, PARTS> & to) {
    for (int key = 0; key < V::LANES; key++) {
        for (int part = 0; part < PARTS; part++) {
            to[key][part] = V::halves(from + key * stride + part * V::LANES * sizeof(uint16_t));
        }
    }
}

template <class V, int PARTS>
void attend_keys(const Attention & job, int row, int64_t first, const Converted<V, PARTS> & keys,
                 const Converted<V, PARTS> & values, Row<V, PARTS> & state) {
    typename V::Floats query[PARTS];
    for (int part = 0; part < PARTS; part++) {
        query[part] = V::load(job.query[row] + part * V::LANES);
    }
    typename V::Floats products[V::LANES];
    for (int key = 0; key < V::LANES; key++) {
        products[key] = V::multiply(query[0], keys[key][0]);
        for (int part = 1; part < PARTS; part++) {
            products[key] = V::multiply_add(query[part], keys[key][part], products[key]);
        }
    }
    auto scores = V::multiply(V::sums_of(products), V::all(job.scale));
    if (job.mask[row] != nullptr) {
        scores = V::add(scores, V::halves(job.mask[row] + first));
    }
    const float largest_here = V::largest_lane(scores);
    if (largest_here == HIDDEN) {
        return;
    }
    if (largest_here > state.largest) {
        float shrink[V::LANES];
        V::store(shrink, exponential<V>(V::all(state.largest - largest_here)));
        for (int part = 0; part < PARTS; part++) {
            state.out[part] = V::multiply(state.out[part], V::all(shrink[0]));
        }
        state.sum *= shrink[0];
        state.largest = largest_here;
    }
    const auto weights = exponential<V>(V::subtract(scores, V::all(state.largest)));
    state.sum += V::sum_of_lanes(weights);
    float weight[V::LANES];
    V::store(weight, weights);
    for (int key = 0; key < V::LANES; key++) {
        const auto of_key = V::all(weight[key]);
        for (int part = 0; part < PARTS; part++) {
            state.out[part] = V::multiply_add(of_key, values[key][part], state.out[part]);
        }
    }
}

template <class V, int HEAD>
void attend_head(const Attention & job) {
    constexpr int PARTS = HEAD / V::LANES;
    Converted<V, PARTS> keys;
    Converted<V, PARTS> values;
    Row<V, PARTS> rows[ATTENTION_ROWS];
    for (int row = 0; row < job.rows; row++) {
        rows[row].largest = HIDDEN;
        rows[row].sum = 0.0f;
        for (int part = 0; part < PARTS; part++) {
            rows[row].out[part] = V::zero();
        }
    }
    for (int64_t first = 0; first < job.count; first += V::LANES) {
        bool is_converted = false;
        for (int row = 0; row < job.rows; row++) {
            if (job.mask[row] != nullptr && !V::is_any_above(V::halves(job.mask[row] + first), HIDDEN)) {
                continue;
            }
            if (!is_converted) {
                convert<V, PARTS>(job.keys + first * job.key_stride, job.key_stride, keys);
                convert<V, PARTS>(job.values + first * job.value_stride, job.value_stride, values);
                is_converted = true;
            }
            attend_keys<V, PARTS>(job, row, first, keys, values, rows[row]);
        }
    }
    for (int row = 0; row < job.rows; row++) {
        const auto whole = V::all(rows[row].sum == 0.0f ? 0.0f : 1.0f / rows[row].sum);
        for (int part = 0; part < PARTS; part++) {
            V::store(job.out[row] + part * V::LANES, V::multiply(rows[row].out[part], whole));
        }
    }
}

template <class V>
void attend(const Attention & job) {
    switch (job.head) {
        case 64: return attend_head<V, 64>(job);
        case 80: return attend_head<V, 80>(job);
        case 96: return attend_head<V, 96>(job);
        case 128: return attend_head<V, 128>(job);
        case 256: return attend_head<V, 256>(job);
    }
}

} // namespace
} // namespace oriel
