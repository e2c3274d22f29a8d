#include "chat.h" // llama.cpp's: its directory comes first in the search path
#include "log.h"

#include "oriel_chat.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

struct oriel_chat {
    common_chat_templates_ptr templates;
};

namespace {

oriel_text copy_out(const std::string & text) {
    // One byte more, so that an empty text is not a NULL pointer.
    char * data = static_cast<char *>(std::malloc(text.size() + 1));
    if (data == nullptr) {
        return { nullptr, 0 };
    }
    std::memcpy(data, text.data(), text.size());
    return { data, text.size() };
}

// Runs `work` and turns whatever it throws into a text: an exception may not enter Rust.
template <typename Work> bool guarded(oriel_text * error, Work work) {
    try {
        work();
        return true;
    } catch (const std::exception & e) {
        *error = copy_out(e.what());
    } catch (...) {
        *error = copy_out("an unknown C++ exception");
    }
    return false;
}

// With all that llama.cpp knows of the template (texts that end an answer come from there); where it cannot make
// sense of one, just the text that the template gives.
common_chat_params render(const common_chat_templates & templates, common_chat_templates_inputs & inputs) {
    try {
        return common_chat_templates_apply(&templates, inputs);
    } catch (const std::exception &) {
        inputs.force_pure_content = true;
        return common_chat_templates_apply(&templates, inputs);
    }
}

} // namespace

extern "C" oriel_chat * oriel_chat_new(const char * source, const char * bos, const char * eos,
                                       oriel_text * error) {
    oriel_chat * chat = nullptr;
    guarded(error, [&] {
        // The log of `common` goes past that of llama.cpp, straight to the terminal: errors come back as texts.
        common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT);
        // What is wrong with a template is told here; the call after it would only tell that something is.
        common_chat_template(source, bos, eos);
        auto templates = common_chat_templates_init(nullptr, source, bos, eos);
        chat = new oriel_chat{ std::move(templates) };
    });
    return chat;
}

extern "C" void oriel_chat_free(oriel_chat * chat) {
    delete chat;
}

extern "C" bool oriel_chat_render(const oriel_chat * chat, const oriel_chat_message * messages, size_t count,
                                  oriel_text * prompt, oriel_text * stops, oriel_text * error) {
    return guarded(error, [&] {
        common_chat_templates_inputs inputs;
        inputs.messages.reserve(count);
        for (size_t i = 0; i < count; i++) {
            common_chat_msg message;
            message.role = messages[i].role;
            message.content.assign(messages[i].content, messages[i].content_bytes);
            inputs.messages.push_back(std::move(message));
        }
        const common_chat_params rendered = render(*chat->templates, inputs);
        std::string joined;
        for (const std::string & stop : rendered.additional_stops) {
            joined.append(stop).push_back('\0');
        }
        *stops = copy_out(joined);
        *prompt = copy_out(rendered.prompt);
    });
}

extern "C" void oriel_text_free(oriel_text text) {
    std::free(text.data);
}
