// For processors with AVX-512 and its VNNI.

#include "avx512.h"
#include "table.h"

namespace oriel {

const Kernels AVX512_VNNI = table<Avx512>("avx512_vnni");

} // namespace oriel
