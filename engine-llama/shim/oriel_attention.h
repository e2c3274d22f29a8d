// Attention of our own, which ggml's CPU backend is led to by oriel_kernels.cpp.
#pragma once

#include "kernels/attention.h"

#include "ggml-cpu-impl.h"
#include "ggml.h"

namespace oriel {

// Whether there is a kernel for heads of so many numbers.
bool is_head(int64_t size);

// Whether `op` is attention that is computed here. It depends on the operation's shape alone, never on its data.
bool attends(const ggml_tensor * op);

// A thread's share of it.
void compute_attention(const ggml_compute_params * params, ggml_tensor * op, Attend attend);

} // namespace oriel
