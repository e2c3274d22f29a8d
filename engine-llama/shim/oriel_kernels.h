// The C face of our kernels for matrices, as src/kernels.rs calls it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The name of one of the kernels that this processor can run, the best first; NULL behind the last.
const char * oriel_kernels_name(int index);

// Offers the kernels of this name to ggml's CPU backend, for all models that are loaded from now on. To be called once at
// most, before the first of them, and by one thread. False where this processor cannot run them.
bool oriel_kernels_register(const char * name);

// For tests: multiplies a matrix (`type` is ggml's; `outputs` rows of `columns` each) with `rows` rows of `input`, by
// the kernels of this name. False where there are none for it.
bool oriel_kernels_multiply(const char * name, int type, const void * matrix, int64_t columns, int64_t outputs,
                            const float * input, int64_t rows, float * output);

// For tests: attention, by the kernels of this name, of `rows` queries to `keys` keys and values, all of them `head` numbers each, one after another;
// `mask` has a number for each query and key. Keys, values and mask are in half precision. False where there is no kernel
// for it.
bool oriel_kernels_attend(const char * name, int head, const float * queries, int rows, const uint16_t * keys,
                          const uint16_t * values, int64_t count, const uint16_t * mask, float scale, float * output);

#ifdef __cplusplus
}
#endif
