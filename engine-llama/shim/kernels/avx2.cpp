// For processors with AVX2, FMA and F16C.

#include "avx2.h"
#include "table.h"

namespace oriel {

const Kernels AVX2 = table<Avx2>("avx2");

} // namespace oriel
