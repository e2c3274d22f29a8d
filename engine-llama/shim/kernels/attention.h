// What the kernels of attention are asked for. As packed.h: plain data only.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace oriel {

// Queries that are worked on at once: so many share what is converted of keys and values.
constexpr int ATTENTION_ROWS = 16;
// What the number of keys is a multiple of.
constexpr int ATTENTION_KEYS = 16;

// Queries that look at the same keys and values, all of one head's size.
struct Attention {
    const float * query[ATTENTION_ROWS];
    const uint16_t * mask[ATTENTION_ROWS]; // in half precision, added to the scores; null where all keys are seen
    float * out[ATTENTION_ROWS];
    int rows;
    int head; // is_head
    // Half precision; the strides are bytes from one key to the next.
    const char * keys;
    const char * values;
    size_t key_stride;
    size_t value_stride;
    int64_t count; // a multiple of ATTENTION_KEYS
    float scale;
};

// Writes what each query gets. That does not depend on the other queries, nor on keys that its mask hides.
using Attend = void (*)(const Attention & attention);

} // namespace oriel
