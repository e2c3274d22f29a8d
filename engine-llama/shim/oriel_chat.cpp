#include "chat.h" // llama.cpp's: its directory comes first in the search path
#include "chat-auto-parser.h"
#include "json-schema-to-grammar.h"
#include "log.h"

#include "oriel_bounds.h"
#include "oriel_chat.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

struct oriel_chat {
    common_chat_templates_ptr templates;
    std::string bos;
    std::string eos;
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

template <typename List> oriel_text copy_out_list(const List & entries) {
    std::string joined;
    for (const std::string & entry : entries) {
        joined.append(entry).push_back('\0');
    }
    return copy_out(joined);
}

std::string copy_in(oriel_slice slice) {
    return std::string(slice.data, slice.bytes);
}

// Runs `work`, bounded, and turns whatever it throws into a text: an exception may not enter Rust.
template <typename Work> bool guarded(oriel_text * error, Work work) {
    try {
        const oriel_bounded bounds;
        work();
        return true;
    } catch (const std::exception & e) {
        *error = copy_out(e.what());
    } catch (...) {
        *error = copy_out("an unknown C++ exception");
    }
    return false;
}

common_chat_templates_inputs inputs_of(const oriel_chat_request & request) {
    common_chat_templates_inputs inputs;
    inputs.messages = common_chat_msgs_parse_oaicompat(common_json::parse(copy_in(request.messages)));
    inputs.tools = common_chat_tools_parse_oaicompat(common_json::parse(copy_in(request.tools)));
    // Its grammars are not used: they only cost time.
    inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_NONE;
    inputs.enable_thinking = request.thinks;
    inputs.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
    const common_json variables = common_json::parse(copy_in(request.variables)); // outlives its items
    for (const auto & [name, value] : variables.items()) {
        inputs.chat_template_kwargs[name] = value.dump();
    }
    return inputs;
}

template <typename Value> std::string written(const Value & value) {
    std::ostringstream out;
    out << value;
    return out.str();
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
        chat = new oriel_chat{ std::move(templates), bos, eos };
    });
    return chat;
}

extern "C" void oriel_chat_free(oriel_chat * chat) {
    delete chat;
}

extern "C" bool oriel_chat_describe(const oriel_chat * chat, oriel_text * facts, oriel_text * error) {
    return guarded(error, [&] {
        const common_chat_template tmpl(common_chat_templates_source(chat->templates.get()), chat->bos, chat->eos);
        autoparser::autoparser found;
        found.analyze_template(tmpl);
        const auto & tools = found.tools;
        const auto caps = common_chat_templates_get_caps(chat->templates.get());
        std::vector<std::string> list;
        const auto tell = [&](const char * name, const std::string & value) {
            list.push_back(name);
            list.push_back(value);
        };
        for (const auto & [name, value] : caps) {
            tell(name.c_str(), value ? "1" : "");
        }
        tell("reasoning", written(found.reasoning.mode));
        tell("reasoning.start", found.reasoning.start);
        tell("reasoning.end", found.reasoning.end);
        tell("content", written(found.content.mode));
        tell("content.start", found.content.start);
        tell("content.end", found.content.end);
        tell("tools", written(tools.format.mode));
        tell("section.start", tools.format.section_start);
        tell("section.end", tools.format.section_end);
        tell("call.start", tools.format.per_call_start);
        tell("call.end", tools.format.per_call_end);
        tell("json.name_is_key", tools.format.fun_name_is_key ? "1" : "");
        tell("json.wrapper", tools.format.function_field);
        tell("json.name", tools.format.name_field);
        tell("json.arguments", tools.format.args_field);
        tell("json.id", !tools.format.id_field.empty() ? tools.format.id_field : tools.format.gen_id_field);
        tell("name.prefix", tools.function.name_prefix);
        tell("name.suffix", tools.function.name_suffix);
        tell("name.separator", tools.function.args_separator);
        tell("call.close", tools.function.close);
        tell("arguments.start", tools.arguments.start);
        tell("arguments.end", tools.arguments.end);
        tell("argument.name_prefix", tools.arguments.name_prefix);
        tell("argument.name_suffix", tools.arguments.name_suffix);
        tell("argument.value_prefix", tools.arguments.value_prefix);
        tell("argument.value_suffix", tools.arguments.value_suffix);
        tell("id.position", written(tools.call_id.pos));
        tell("id.prefix", tools.call_id.prefix);
        tell("id.suffix", tools.call_id.suffix);
        *facts = copy_out_list(list);
    });
}

extern "C" bool oriel_chat_render(const oriel_chat * chat, const oriel_chat_request * request,
                                  oriel_chat_rendering * rendering, oriel_text * error) {
    return guarded(error, [&] {
        common_chat_templates_inputs inputs = inputs_of(*request);
        common_chat_params rendered;
        // With all that llama.cpp knows of the template (texts that end an answer come from there); where it cannot
        // make sense of one, just the text that the template gives.
        try {
            rendered = common_chat_templates_apply(chat->templates.get(), inputs);
        } catch (const std::exception &) {
            inputs.force_pure_content = true;
            rendered = common_chat_templates_apply(chat->templates.get(), inputs);
            rendering->is_plain = true;
        }
        rendering->prompt = copy_out(rendered.prompt);
        rendering->opening = copy_out(rendered.generation_prompt);
        rendering->stops = copy_out_list(rendered.additional_stops);
        rendering->markers = copy_out_list(rendered.preserved_tokens);
    });
}

extern "C" bool oriel_grammar(oriel_slice tools, const oriel_call_syntax * syntax, oriel_slice schema,
                              oriel_text * grammar, oriel_text * error) {
    return guarded(error, [&] {
        const auto literal = [](const oriel_slice & slice) { return gbnf_format_literal(copy_in(slice)); };
        const auto list = common_chat_tools_parse_oaicompat(common_json::parse(copy_in(tools)));
        // The rules refer to these until the grammar is written.
        std::vector<common_chat_schema_document> documents;
        documents.reserve(list.size() + 1);
        *grammar = copy_out(build_grammar([&](const common_grammar_builder & builder) {
            std::string root;
            std::string any;
            for (const auto & tool : list) {
                documents.push_back(common_chat_schema_from_json(common_json::parse(tool.parameters)));
                const std::string name = "tool-" + std::to_string(documents.size());
                const std::string arguments = builder.add_schema(name + "-arguments", *documents.back().root);
                const std::string before = copy_in(syntax->before) + tool.name + copy_in(syntax->between);
                const std::string call = builder.add_rule(
                    name, gbnf_format_literal(before) + " " + arguments + " " + copy_in(syntax->after));
                any += (any.empty() ? "" : " | ") + call;
            }
            if (!any.empty()) {
                const std::string call = builder.add_rule("tool-call", any);
                const std::string more = "(" + literal(syntax->separator) + " " + call + ")*";
                root = literal(syntax->open) + " " + call + " " + (syntax->is_parallel ? more + " " : "") +
                       literal(syntax->close);
            }
            if (schema.bytes > 0) {
                documents.push_back(common_chat_schema_from_json(common_json::parse(copy_in(schema))));
                const std::string answer = builder.add_schema("answer", *documents.back().root);
                root += (root.empty() ? "" : " | ") + answer;
            }
            builder.add_rule("root", root);
        }));
    });
}

extern "C" void oriel_text_free(oriel_text text) {
    std::free(text.data);
}
