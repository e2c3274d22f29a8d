// The C face of llama.cpp's chat templates and grammars (common/chat.h), as src/template/ffi.rs calls it.
//
// No C++ exception crosses this border: a call that fails returns NULL or false and puts a text into *error.
// Texts that are handed out belong to the caller and go back through oriel_text_free. Lists are one text in which a
// NUL byte follows each entry.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_chat;

// Borrowed for the time of a call.
struct oriel_slice {
    const char * data;
    size_t bytes;
};

struct oriel_text {
    char * data; // not NUL-terminated
    size_t bytes;
};

struct oriel_chat_request {
    struct oriel_slice messages;  // a JSON array, in the shape of OpenAI's API
    struct oriel_slice tools;     // likewise
    struct oriel_slice variables; // a JSON object: what the template sees beside messages and tools
    bool thinks;
};

struct oriel_chat_rendering {
    struct oriel_text prompt;
    struct oriel_text opening;  // the end of the prompt: where the assistant's answer begins
    struct oriel_text stops;    // list of texts before which the answer has to end
    struct oriel_text markers;  // list of control tokens whose texts the reply is read by
    bool is_plain;              // llama.cpp could make no sense of the template: only the prompt is good
};

// Parses a template. `source` may be "chatml" for a model that carries none.
struct oriel_chat * oriel_chat_new(const char * source, const char * bos, const char * eos,
                                   struct oriel_text * error);

void oriel_chat_free(struct oriel_chat * chat);

// What llama.cpp makes out by comparing what the template renders: a list of names and values, in turn.
bool oriel_chat_describe(const struct oriel_chat * chat, struct oriel_text * facts, struct oriel_text * error);

// Renders a conversation to a prompt that ends where the assistant's answer begins. The texts of a rendering that
// failed are empty.
bool oriel_chat_render(const struct oriel_chat * chat, const struct oriel_chat_request * request,
                       struct oriel_chat_rendering * rendering, struct oriel_text * error);

// How tool calls are written, around the name of the tool and its arguments.
struct oriel_call_syntax {
    struct oriel_slice open;      // before the first call
    struct oriel_slice before;    // before the name
    struct oriel_slice between;   // between name and arguments
    struct oriel_slice after;     // behind the arguments: GBNF, all others are plain texts
    struct oriel_slice separator; // between calls
    struct oriel_slice close;     // behind the last call
    bool is_parallel;             // there may be more than one
};

// The grammar, in GBNF, of calls of tools (a JSON array in the shape of OpenAI's API, which may be empty) or of JSON
// that a schema describes (which may be empty).
bool oriel_grammar(struct oriel_slice tools, const struct oriel_call_syntax * syntax, struct oriel_slice schema,
                   struct oriel_text * grammar, struct oriel_text * error);

void oriel_text_free(struct oriel_text text);

#ifdef __cplusplus
}
#endif
