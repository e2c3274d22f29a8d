// A buffer type of ggml's CPU backend: matrices of weights, for which ggml has no kernels that read a weight once for
// several rows, or none that use what the processor has. They are rearranged when they are loaded, without loss, as ggml's
// own "repack" does it for some formats; what is not supported here stays with ggml. ggml asks the buffer type about every
// operation, so that attention of our own comes in the same way.

#include "oriel_kernels.h"

#include "kernels/packed.h"
#include "oriel_attention.h"
#include "oriel_packing.h"

#include "ggml-backend-impl.h"
#include "ggml-cpu-impl.h"
#include "ggml-cpu.h"
#include "traits.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace oriel {
namespace {

// Rows of activations that are gone through before the next group of weights: so many stay in the second cache.
constexpr int64_t BAND_ROWS = 64;
// Parts that each thread's share is cut into, so that one that is held up leaves work to the others.
constexpr int64_t CHUNKS_PER_THREAD = 4;
// A line of the cache.
constexpr size_t ALIGNMENT = 64;

const Kernels * kernels = nullptr;

Multiply multiply_for(const Kernels * of, ggml_type type) {
    switch (type) {
        case GGML_TYPE_Q4_0: return of->multiply_q4_0;
        case GGML_TYPE_Q4_1: return of->multiply_q4_1;
        case GGML_TYPE_Q5_0: return of->multiply_q5_0;
        case GGML_TYPE_Q5_1: return of->multiply_q5_1;
        case GGML_TYPE_Q8_0: return of->multiply_q8_0;
        case GGML_TYPE_Q4_K: return of->multiply_q4_k;
        case GGML_TYPE_Q5_K: return of->multiply_q5_k;
        case GGML_TYPE_Q6_K: return of->multiply_q6_k;
        default: return nullptr;
    }
}

// The rows of ggml's formats are whole blocks.
bool is_packable(const ggml_tensor * weights) {
    return ggml_n_dims(weights) == 2 && has_packed_form(weights->type) && weights->ne[1] % GROUP_ROWS == 0;
}

// One multiplication: `weights` with each row of `input`, to the rows of `output`.
struct Product {
    const ggml_tensor * weights;
    const ggml_tensor * input;
    const ggml_tensor * output;
    int64_t blocks; // of a row

    explicit Product(const ggml_tensor * op)
        : weights(op->src[0]), input(op->src[1]), output(op), blocks(op->src[0]->ne[0] / BLOCK_COLUMNS) {}

    int64_t rows() const { return ggml_nrows(input); }

    size_t work_bytes() const { return rows() * blocks * sizeof(Activations); }

    // Row `i` of a tensor, over all but its first dimension.
    static char * row(const ggml_tensor * tensor, int64_t i) {
        const int64_t i1 = i % tensor->ne[1];
        const int64_t i2 = i / tensor->ne[1] % tensor->ne[2];
        const int64_t i3 = i / tensor->ne[1] / tensor->ne[2];
        return (char *) tensor->data + i1 * tensor->nb[1] + i2 * tensor->nb[2] + i3 * tensor->nb[3];
    }

    // A thread's share of the blocks of all rows, so that even a single row is divided.
    void quantise(const ggml_compute_params * params, Activations * to) const {
        const int64_t all = rows() * blocks;
        const int64_t end = all * (params->ith + 1) / params->nth;
        for (int64_t at = all * params->ith / params->nth; at < end;) {
            const int64_t first = at % blocks;
            const int64_t count = std::min(blocks - first, end - at);
            const float * values = (const float *) row(input, at / blocks) + first * BLOCK_COLUMNS;
            kernels->quantise(values, to + at, count);
            at += count;
        }
    }

    void multiply(int64_t first_group, int64_t end_group, const Activations * from) const {
        const Multiply multiply_group = multiply_for(kernels, weights->type);
        const size_t group_bytes = GROUP_ROWS * weights->nb[1];
        const int64_t all = rows();
        for (int64_t band = 0; band < all; band += BAND_ROWS) {
            const int64_t band_end = std::min(band + BAND_ROWS, all);
            for (int64_t group = first_group; group < end_group; group++) {
                const char * packed = (const char *) weights->data + group * group_bytes;
                for (int64_t tile = band; tile < band_end; tile += TILE_ROWS) {
                    const int64_t count = std::min<int64_t>(TILE_ROWS, band_end - tile);
                    float * out[TILE_ROWS];
                    for (int64_t i = 0; i < count; i++) {
                        out[i] = (float *) row(output, tile + i) + group * GROUP_ROWS;
                    }
                    multiply_group(packed, blocks, from + tile * blocks, count, out);
                }
            }
        }
    }
};

class PackedTraits : public ggml::cpu::tensor_traits {
    bool work_size(int, const ggml_tensor * op, size_t & size) override {
        size = Product(op).work_bytes();
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        const Product product(op);
        GGML_ASSERT(params->wsize >= product.work_bytes());
        Activations * activations = (Activations *) params->wdata;
        product.quantise(params, activations);
        if (params->ith == 0) {
            // Each thread begins with the chunk of its own number.
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        ggml_barrier(params->threadpool);

        const int64_t groups = product.weights->ne[1] / GROUP_ROWS;
        const int64_t chunks = std::min(groups, params->nth * CHUNKS_PER_THREAD);
        for (int64_t chunk = params->ith; chunk < chunks;
             chunk = ggml_threadpool_chunk_add(params->threadpool, 1)) {
            product.multiply(groups * chunk / chunks, groups * (chunk + 1) / chunks, activations);
        }
        return true;
    }
};

class AttentionTraits : public ggml::cpu::tensor_traits {
    bool work_size(int, const ggml_tensor *, size_t & size) override {
        size = 0;
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        compute_attention(params, op, kernels->attend);
        return true;
    }
};

class PackedBufferType : public ggml::cpu::extra_buffer_type {
    PackedTraits packed;
    AttentionTraits attention;

  public:
    static ggml_backend_buffer_type_t instance();

    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        const ggml_tensor * input = op->src[1];
        return op->op == GGML_OP_MUL_MAT && is_ours(op->src[0]) && is_packable(op->src[0]) &&
               input->type == GGML_TYPE_F32 && input->nb[0] == sizeof(float) &&
               (input->buffer == nullptr || ggml_backend_buft_is_host(input->buffer->buft));
    }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        if (op->op == GGML_OP_MUL_MAT && is_ours(op->src[0])) {
            return &packed;
        }
        return attends(op) ? &attention : nullptr;
    }

  private:
    static bool is_ours(const ggml_tensor * weights) {
        return weights->buffer != nullptr && weights->buffer->buft == instance();
    }
};

const char * name(ggml_backend_buffer_type_t) {
    return "CPU_ORIEL";
}

size_t alignment(ggml_backend_buffer_type_t) {
    return ALIGNMENT;
}

void set_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor) && is_packable(tensor));
    pack(tensor->type, data, tensor->ne[0], tensor->ne[1], tensor->data);
}

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (buffer != nullptr) {
        buffer->buft = type;
        buffer->iface.set_tensor = set_tensor;
        // What has been rearranged is not handed out again.
        buffer->iface.get_tensor = nullptr;
        buffer->iface.cpy_tensor = nullptr;
    }
    return buffer;
}

ggml_backend_buffer_type_t PackedBufferType::instance() {
    static PackedBufferType context;
    static ggml_backend_buffer_type type = [] {
        ggml_backend_buffer_type made = {};
        made.iface.get_name = name;
        made.iface.alloc_buffer = allocate;
        made.iface.get_alignment = alignment;
        made.device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0);
        made.context = static_cast<ggml::cpu::extra_buffer_type *>(&context);
        return made;
    }();
    return &type;
}

// What this processor can run, the best first.
std::vector<const Kernels *> kernels_of_this_processor() {
    std::vector<const Kernels *> all;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni")) {
        all.push_back(&AVX512_VNNI);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
        if (__builtin_cpu_supports("avxvnni")) {
            all.push_back(&AVX_VNNI);
        }
        all.push_back(&AVX2);
    }
#endif
    return all;
}

const Kernels * kernels_named(const char * name) {
    for (const Kernels * one : kernels_of_this_processor()) {
        if (strcmp(one->name, name) == 0) {
            return one;
        }
    }
    return nullptr;
}

} // namespace
} // namespace oriel

const char * oriel_kernels_name(int index) {
    const std::vector<const oriel::Kernels *> all = oriel::kernels_of_this_processor();
    return index >= 0 && (size_t) index < all.size() ? all[index]->name : nullptr;
}

bool oriel_kernels_register(const char * name) {
    const oriel::Kernels * chosen = oriel::kernels_named(name);
    if (chosen == nullptr) {
        return false;
    }
    oriel::kernels = chosen;
    // Before ggml's own, which rearrange some of the same formats.
    std::vector<ggml_backend_buffer_type_t> & types = ggml_backend_cpu_get_extra_buffer_types();
    types.insert(types.begin(), oriel::PackedBufferType::instance());
    return true;
}

bool oriel_kernels_multiply(const char * name, int type, const void * matrix, int64_t columns, int64_t outputs,
                            const float * input, int64_t rows, float * output) {
    using namespace oriel;
    const Kernels * chosen = kernels_named(name);
    const Multiply multiply = chosen == nullptr ? nullptr : multiply_for(chosen, (ggml_type) type);
    if (multiply == nullptr) {
        return false;
    }
    const int64_t blocks = columns / BLOCK_COLUMNS;
    const size_t row_bytes = ggml_row_size((ggml_type) type, columns);
    std::vector<uint8_t> packed(outputs * row_bytes);
    pack((ggml_type) type, matrix, columns, outputs, packed.data());
    std::vector<Activations> activations(rows * blocks);
    chosen->quantise(input, activations.data(), rows * blocks);
    for (int64_t first = 0; first < outputs; first += GROUP_ROWS) {
        for (int64_t tile = 0; tile < rows; tile += TILE_ROWS) {
            const int64_t count = std::min<int64_t>(TILE_ROWS, rows - tile);
            float * out[TILE_ROWS];
            for (int64_t i = 0; i < count; i++) {
                out[i] = output + (tile + i) * outputs + first;
            }
            multiply(packed.data() + first * row_bytes, blocks, activations.data() + tile * blocks, count, out);
        }
    }
    return true;
}

bool oriel_kernels_attend(const char * name, int head, const float * queries, int rows, const uint16_t * keys,
                          const uint16_t * values, int64_t count, const uint16_t * mask, float scale, float * output) {
    using namespace oriel;
    const Kernels * chosen = kernels_named(name);
    if (chosen == nullptr || !is_head(head) || rows > ATTENTION_ROWS) {
        return false;
    }
    const size_t stride = head * sizeof(uint16_t);
    Attention job = {};
    job.rows = rows;
    job.head = head;
    job.keys = (const char *) keys;
    job.values = (const char *) values;
    job.key_stride = stride;
    job.value_stride = stride;
    job.count = count;
    job.scale = scale;
    for (int row = 0; row < rows; row++) {
        job.query[row] = queries + row * head;
        job.mask[row] = mask + row * count;
        job.out[row] = output + row * head;
    }
    chosen->attend(job);
    return true;
}
