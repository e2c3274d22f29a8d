// Rearranges matrices of ggml's formats for the kernels (kernels/packed.h tells how). Called when a model is loaded.
#pragma once

#include "ggml.h"

#include <cstdint>

namespace oriel {

// Whether there is a form of this type for the kernels.
bool has_packed_form(ggml_type type);

// Rearranges `rows` rows, a multiple of GROUP_ROWS, of `columns` each; the result is as large.
void pack(ggml_type type, const void * matrix, int64_t columns, int64_t rows, void * packed);

} // namespace oriel
