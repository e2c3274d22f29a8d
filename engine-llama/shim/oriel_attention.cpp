// Divides the queries of an attention among threads and tiles. ggml's own kernel goes along the keys again for each query
// and each head; here the heads that share keys, and the tokens of a prompt, go along them together.

#include "oriel_attention.h"

#include <algorithm>
#include <cstring>

namespace oriel {
namespace {

float parameter(const ggml_tensor * op, int index) {
    float value;
    memcpy(&value, (const float *) op->op_params + index, sizeof value);
    return value;
}

// The queries in the order in which they are divided: by stream, head of keys, token, head.
struct Queries {
    int64_t streams, key_heads, tokens, heads_per_key_head;

    int64_t count() const { return streams * per_stream(); }
    int64_t per_stream() const { return key_heads * per_key_head(); }
    int64_t per_key_head() const { return tokens * heads_per_key_head; }
};

} // namespace

bool is_head(int64_t size) {
    return size == 64 || size == 80 || size == 96 || size == 128 || size == 256;
}

bool attends(const ggml_tensor * op) {
    if (op->op != GGML_OP_FLASH_ATTN_EXT) {
        return false;
    }
    const ggml_tensor *q = op->src[0], *k = op->src[1], *v = op->src[2], *mask = op->src[3], *sinks = op->src[4];
    const bool has_bias = parameter(op, 1) != 0.0f, has_softcap = parameter(op, 2) != 0.0f;
    return sinks == nullptr && !has_bias && !has_softcap && q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 &&
           v->type == GGML_TYPE_F16 && op->type == GGML_TYPE_F32 && q->nb[0] == sizeof(float) &&
           k->nb[0] == sizeof(uint16_t) && v->nb[0] == sizeof(uint16_t) && is_head(q->ne[0]) && k->ne[0] == q->ne[0] &&
           v->ne[0] == q->ne[0] && k->ne[1] % ATTENTION_KEYS == 0 && k->ne[2] == v->ne[2] && k->ne[3] == q->ne[3] &&
           v->ne[3] == q->ne[3] && q->ne[2] % k->ne[2] == 0 && (mask == nullptr || mask->type == GGML_TYPE_F16);
}

void compute_attention(const ggml_compute_params * params, ggml_tensor * op, Attend attend) {
    const ggml_tensor *q = op->src[0], *k = op->src[1], *v = op->src[2], *mask = op->src[3];
    const Queries queries = {q->ne[3], k->ne[2], q->ne[1], q->ne[2] / k->ne[2]};
    const int64_t end = queries.count() * (params->ith + 1) / params->nth;
    for (int64_t at = queries.count() * params->ith / params->nth; at < end;) {
        const int64_t stream = at / queries.per_stream();
        const int64_t key_head = at % queries.per_stream() / queries.per_key_head();
        const int64_t next_key_head = (at / queries.per_key_head() + 1) * queries.per_key_head();
        Attention job = {};
        job.rows = (int) std::min<int64_t>(ATTENTION_ROWS, std::min(end, next_key_head) - at);
        job.head = (int) q->ne[0];
        job.keys = (const char *) k->data + key_head * k->nb[2] + stream * k->nb[3];
        job.values = (const char *) v->data + key_head * v->nb[2] + stream * v->nb[3];
        job.key_stride = k->nb[1];
        job.value_stride = v->nb[1];
        job.count = k->ne[1];
        job.scale = parameter(op, 0);
        for (int row = 0; row < job.rows; row++) {
            const int64_t in_key_head = (at + row) % queries.per_key_head();
            const int64_t token = in_key_head / queries.heads_per_key_head;
            const int64_t head = key_head * queries.heads_per_key_head + in_key_head % queries.heads_per_key_head;
            job.query[row] =
                (const float *) ((const char *) q->data + token * q->nb[1] + head * q->nb[2] + stream * q->nb[3]);
            job.out[row] = (float *) ((char *) op->data + (stream * op->ne[2] * op->ne[1] + token * op->ne[1] + head) * op->nb[1]);
            if (mask != nullptr) {
                job.mask[row] = (const uint16_t *) ((const char *) mask->data + token * mask->nb[1] +
                                                    head % mask->ne[2] * mask->nb[2] + stream % mask->ne[3] * mask->nb[3]);
            }
        }
        attend(job);
        at += job.rows;
    }
}

} // namespace oriel
