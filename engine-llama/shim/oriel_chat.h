// The C face of llama.cpp's chat templates (common/chat.h), as src/template.rs calls it.
//
// No C++ exception crosses this border: a call that fails returns NULL or false and puts a text into *error.
// Texts that are handed out belong to the caller and go back through oriel_text_free.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_chat;

struct oriel_chat_message {
    const char * role; // "system", "user" or "assistant", NUL-terminated
    const char * content;
    size_t content_bytes;
};

struct oriel_text {
    char * data; // not NUL-terminated
    size_t bytes;
};

// Parses a template. `source` may be "chatml" for a model that carries none.
struct oriel_chat * oriel_chat_new(const char * source, const char * bos, const char * eos,
                                   struct oriel_text * error);

void oriel_chat_free(struct oriel_chat * chat);

// Renders messages to the text of a prompt that ends where the assistant's answer begins. `stops` are the
// texts before which the answer has to end, each followed by a NUL byte.
bool oriel_chat_render(const struct oriel_chat * chat, const struct oriel_chat_message * messages,
                       size_t count, struct oriel_text * prompt, struct oriel_text * stops,
                       struct oriel_text * error);

void oriel_text_free(struct oriel_text text);

#ifdef __cplusplus
}
#endif
