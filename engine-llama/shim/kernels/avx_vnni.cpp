// For processors with AVX-VNNI: VNNI in the registers of AVX2.

#include "avx2.h"
#include "table.h"

namespace oriel {
namespace {

struct AvxVnni : Avx2 {
    static constexpr bool HAS_SIGNED_BYTES = false;

    // Adds to `start` what sixteen codes of each row and sixteen activations give.
    template <int BITS> static Ints dot(Ints start, const Ints (&codes)[4], const int8_t * activations) {
        for (int part = 0; part < 4; part++) {
            start = _mm256_dpbusd_avx_epi32(start, codes[part], four(activations + 4 * part));
        }
        return start;
    }
};

} // namespace

const Kernels AVX_VNNI = table<AvxVnni>("avx_vnni");

} // namespace oriel
