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

enum oriel_tool_choice { ORIEL_TOOLS_AUTO = 0, ORIEL_TOOLS_NONE = 1, ORIEL_TOOLS_REQUIRED = 2 };

struct oriel_chat_request {
    struct oriel_slice messages;  // a JSON array, in the shape of OpenAI's API
    struct oriel_slice tools;     // likewise
    struct oriel_slice variables; // a JSON object: what the template sees beside messages and tools
    int tool_choice;              // enum oriel_tool_choice
    bool parallel_tool_calls;
    bool thinks;
};

struct oriel_chat_rendering {
    struct oriel_text prompt;
    struct oriel_text opening;  // the end of the prompt: where the assistant's answer begins
    struct oriel_text stops;    // list of texts before which the answer has to end
    struct oriel_text markers;  // list of control tokens whose texts the reply is read by
    struct oriel_text grammar;  // of tool calls; empty where there is none
    bool grammar_is_lazy;       // it begins with the first tool call; otherwise with the opening
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

// The grammar of JSON that a schema describes.
bool oriel_schema_grammar(struct oriel_slice schema, struct oriel_text * grammar, struct oriel_text * error);

void oriel_text_free(struct oriel_text text);

#ifdef __cplusplus
}
#endif
