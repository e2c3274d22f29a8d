"""OpenAI's own client for Python against /v1: through nginx, with a real model.

Run by `cargo xtask test clients`, which starts everything and says where it is in ORIEL_ADDRESS. Nobody has an account
there yet.
"""

import json
import os
import sys
import threading
import time
import urllib.request

import openai

ADDRESS = os.environ["ORIEL_ADDRESS"]
QUESTION = [{"role": "user", "content": "Write one sentence about the sea."}]


def native(path, body, token=None):
    """A POST to the native API, which makes the account and its key."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(ADDRESS + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def refused(kind, call):
    """The error that a call must end with."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def a_key_opens_the_door_and_a_wrong_one_does_not(client):
    error = refused(openai.AuthenticationError, lambda: client.with_options(api_key="sk-or-wrong").models.list())
    assert error.code == "invalid_api_key" and error.request_id, error


def the_models_are_listed_and_found(client):
    models = client.models.list().data
    assert models and all(model.object == "model" and model.created > 0 for model in models), models
    assert client.models.retrieve(models[0].id).id == models[0].id
    error = refused(openai.NotFoundError, lambda: client.models.retrieve("maker/unknown"))
    assert error.code == "model_not_found" and "maker/unknown" in error.message, error


def a_base_url_without_the_prefix_works_too(client):
    bare = client.with_options(base_url=ADDRESS)
    assert bare.models.list().data[0].id == client.models.list().data[0].id
    answer = bare.chat.completions.create(model=client.model, messages=QUESTION, max_tokens=4)
    assert answer.usage.completion_tokens <= 4


def an_answer_comes_whole_with_its_usage(client):
    answer = client.chat.completions.create(model=client.model, messages=QUESTION, max_tokens=24, temperature=0)
    choice, usage = answer.choices[0], answer.usage
    assert answer.object == "chat.completion" and answer.model == client.model
    assert choice.message.role == "assistant" and choice.message.content.strip()
    assert choice.finish_reason in ("stop", "length")
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert answer.timings["predicted_per_second"] > 0, answer


def a_prompt_that_was_read_is_not_read_again(client):
    # Long enough to be worth a copy to another slot.
    story = [{"role": "user", "content": "Write one sentence about the sea, and one about the land. " * 8}]
    fields = {"model": client.model, "messages": story, "max_tokens": 4, "temperature": 0}
    first, again = (client.chat.completions.create(**fields) for _ in range(2))
    assert again.choices[0].message.content == first.choices[0].message.content
    cached = again.usage.prompt_tokens_details.cached_tokens
    assert cached == again.usage.prompt_tokens - 1, again.usage


def a_stream_says_the_same_and_ends_with_its_usage(client):
    whole = client.chat.completions.create(model=client.model, messages=QUESTION, max_tokens=24, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model=client.model,
            messages=QUESTION,
            max_tokens=24,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content, text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] and not any(reasons[:-1]), reasons
    assert not chunks[-1].choices and chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert len(chunks) > 4, "the answer did not come in pieces"


def the_helper_for_streams_puts_the_answer_together(client):
    # An end by length would be an error to it.
    with client.chat.completions.stream(
        model=client.model, messages=QUESTION, temperature=0, max_tokens=100, stop=["sea", "."]
    ) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content


def several_answers_are_told_apart(client):
    answer = client.chat.completions.create(
        model=client.model, messages=QUESTION, max_tokens=12, n=2, temperature=1.5, seed=3
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].message.content != answer.choices[1].message.content


def a_tool_is_called_and_its_result_used(client):
    # A small model fills a free text without end.
    schema = {
        "type": "object",
        "properties": {"place": {"enum": ["Oslo", "Bergen"]}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["place", "unit"],
        "additionalProperties": False,
    }
    tools = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": schema}}]
    ask = [{"role": "user", "content": "What is the weather in Oslo?"}]
    fields = {"model": client.model, "tools": tools, "temperature": 0, "max_tokens": 200, "parallel_tool_calls": False}
    answer = client.chat.completions.create(messages=ask, tool_choice="required", **fields).choices[0]
    assert answer.finish_reason == "tool_calls", answer
    call = answer.message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "weather" and arguments["unit"] in ("celsius", "fahrenheit"), call
    # As events the pieces make the same call.
    named = {"type": "function", "function": {"name": "weather"}}
    pieces = [
        chunk.choices[0].delta.tool_calls[0]
        for chunk in client.chat.completions.create(messages=ask, tool_choice=named, stream=True, **fields)
        if chunk.choices and chunk.choices[0].delta.tool_calls
    ]
    assert pieces[0].function.name == "weather" and all(piece.index == pieces[0].index for piece in pieces)
    json.loads("".join(piece.function.arguments or "" for piece in pieces if piece.index == 0))
    # The message of the model goes back as it came.
    result = {"role": "tool", "tool_call_id": call.id, "content": "Rain, 9 degrees."}
    after = client.chat.completions.create(
        messages=ask + [answer.message.model_dump(exclude_none=True), result], tool_choice="none", **fields
    )
    assert after.choices[0].message.content.strip() and not after.choices[0].message.tool_calls, after


def an_answer_keeps_to_a_schema(client):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 40}, "year": {"type": "integer"}},
        "required": ["name", "year"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=client.model,
        messages=[{"role": "user", "content": "Name a ship and the year it was built."}],
        response_format={"type": "json_schema", "json_schema": {"name": "ship", "strict": True, "schema": schema}},
        temperature=0,
        max_tokens=200,
    )
    ship = json.loads(answer.choices[0].message.content)
    assert set(ship) == {"name", "year"} and isinstance(ship["year"], int), ship


def likelihoods_are_told_and_biases_kept(client):
    fields = {"model": client.model, "messages": QUESTION, "temperature": 0, "max_tokens": 4}
    answer = client.chat.completions.create(logprobs=True, top_logprobs=3, **fields)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens).strip() == answer.choices[0].message.content.strip()
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob >= token.logprob
    banned = client.chat.completions.create(logit_bias={str(number): -100 for number in range(1000)}, **fields)
    assert banned.choices[0].message.content != answer.choices[0].message.content


def what_is_wrong_is_named(client):
    def ask(**fields):
        return lambda: client.chat.completions.create(**{"model": client.model, "messages": QUESTION, **fields})

    for fields, param in [
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"messages": []}, "messages"),
        ({"stop": [""]}, "stop"),
        ({"model": "unknown"}, "model"),
    ]:
        error = refused(openai.APIStatusError, ask(**fields))
        assert error.status_code in (400, 404) and error.param == param, (fields, error)
    error = refused(openai.BadRequestError, ask(messages=[{"role": "user", "content": "word " * 5000}]))
    assert error.code == "context_length_exceeded", error


def a_client_that_leaves_frees_its_slot(client):
    """All slots are taken by streams that their readers leave; after that the next answer comes at once."""
    streams = [
        client.chat.completions.create(model=client.model, messages=QUESTION, max_tokens=1500, stream=True)
        for _ in range(8)
    ]
    for stream in streams:
        stream.close()
    # One that does not stream is left too, while its prompt is read: that takes seconds, whatever the model then says.
    impatient = client.with_options(timeout=0.2, max_retries=0)
    long = [{"role": "user", "content": " ".join(f"word{number}" for number in range(400))}]
    refused(
        openai.APITimeoutError,
        lambda: impatient.chat.completions.create(model=client.model, messages=long, max_tokens=1500, n=2),
    )
    started = time.monotonic()
    client.chat.completions.create(model=client.model, messages=QUESTION, max_tokens=2)
    took = time.monotonic() - started
    assert took < 5, f"{took:.1f} s: the slots were not free"


def many_at_once_are_all_answered(client):
    """More than there are slots; the client repeats by itself whatever is refused for the moment."""
    answers = []

    def ask(number):
        messages = [{"role": "user", "content": f"Count to {number}."}]
        answers.append(client.chat.completions.create(model=client.model, messages=messages, max_tokens=8))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12


TESTS = [
    a_key_opens_the_door_and_a_wrong_one_does_not,
    the_models_are_listed_and_found,
    a_base_url_without_the_prefix_works_too,
    an_answer_comes_whole_with_its_usage,
    a_prompt_that_was_read_is_not_read_again,
    a_stream_says_the_same_and_ends_with_its_usage,
    the_helper_for_streams_puts_the_answer_together,
    several_answers_are_told_apart,
    a_tool_is_called_and_its_result_used,
    an_answer_keeps_to_a_schema,
    likelihoods_are_told_and_biases_kept,
    what_is_wrong_is_named,
    a_client_that_leaves_frees_its_slot,
    many_at_once_are_all_answered,
]


def main():
    account = {"email": "ada@example.org", "name": "Ada Lovelace", "password": "analytical engine 1843"}
    session = native("/api/auth/register", account)
    made = native("/api/me/keys", {"name": "openai-python"}, session["access_token"])
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=made["secret"], timeout=120)
    client.model = client.models.list().data[0].id
    passed = 0
    for test in TESTS:
        started = time.monotonic()
        test(client)
        passed += 1
        print(f"  ok {test.__name__.replace('_', ' ')} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"clients: {passed} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
