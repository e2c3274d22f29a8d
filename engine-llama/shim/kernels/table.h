// All kernels for one kind of vectors: included by the one file that is compiled for these.
#pragma once

#include "attend.h"
#include "matrix.h"

namespace oriel {
namespace {

template <class V>
constexpr Kernels table(const char * name) {
    return {name,
            quantise<V>,
            multiply<V, Q4_0>,
            multiply<V, Q4_1>,
            multiply<V, Q5_0>,
            multiply<V, Q5_1>,
            multiply<V, Q8_0>,
            multiply<V, Q4_K>,
            multiply<V, Q5_K>,
            multiply<V, Q6_K>,
            attend<V>};
}

} // namespace
} // namespace oriel
