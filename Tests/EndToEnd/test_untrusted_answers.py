"""A model server may say anything anywhere; what must not reach the caller doesn't, and what it is told stays in order."""

import json

import openai
import pytest
from harness import Steward

CARD = "4111" + "1111" * 3
KEY = "-----BEGIN PRIVATE KEY-----\nMII"
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


@pytest.fixture(scope="module")
def steward(tmp_path_factory, canned):
    models = [{"name": "small", "aliases": ["tiny"], "upstreams": [{"name": "canned", "url": canned.url}]},
              {"name": "large", "upstreams": [{"name": "other", "url": canned.url, "model": "meta/large"}]}]
    server = Steward(tmp_path_factory.mktemp("untrusted"), upstream=canned.url, models=models)
    yield server
    server.stop()


def message(text="Fine.", **more):
    return {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"} | more


def answer(*choices, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "small",
            "choices": list(choices or [message()]), "usage": USAGE} | more


def delta(text, index=0, finish=None, **more):
    choice = {"index": index, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "small",
            "choices": [choice]} | more


def raw(steward, **more):
    return steward.post(json.dumps({"model": "small", "messages": [{"role": "user", "content": "Hi."}]} | more))


PLACES = {
    "a member of the answer": answer(note=f"So: {KEY}"),
    "a member of a choice": answer(message(note=[KEY])),
    "a stop reason": answer(message(stop_reason=KEY)),
    "a message's member": answer(message(message={"role": "assistant", "content": "", "thoughts": {"of": KEY}})),
    "a tool call": answer(message(message={"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"key": KEY})}}]})),
    "usage": answer(usage=USAGE | {"note": KEY}),
    "a member's name": answer(**{KEY: 1}),
    "the id": answer(id=KEY),
    "no choice at all": answer() | {"choices": [], "note": KEY},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_blocked_answer_leaves_nothing_behind(steward, canned, place):
    canned.say(PLACES[place])
    got = raw(steward)
    body = json.loads(got.body)
    assert got.status == 200 and "PRIVATE KEY" not in got.body.decode()
    assert [choice["finish_reason"] for choice in body["choices"]] == ["content_filter"] * len(PLACES[place]["choices"])
    assert (body["model"], body["usage"]) == ("small", USAGE)
    assert steward.record(got.fields["x-request-id"])["outcome"] == "blocked"


def test_a_blocked_answer_is_one_that_the_client_library_reads(steward, canned):
    canned.say(answer(message(), message(KEY, index=1)))
    got = steward.chat(model="small", n=2)
    assert [(c.index, c.message.content, c.finish_reason) for c in got.choices] == [
        (0, "", "content_filter"), (1, "", "content_filter")]
    assert got.id == "chatcmpl-1" and got.usage.total_tokens == 7


def test_an_id_that_would_pass_for_a_card_number_costs_no_answer(steward, canned):
    canned.say(answer(id="4111111111111111"))
    got = steward.chat(model="small")
    assert (got.id, got.choices[0].message.content) == ("[redacted:pii.card]", "Fine.")


def test_blocked_text_in_embeddings_is_refused(steward, canned):
    canned.say({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": KEY})
    with pytest.raises(openai.BadRequestError) as error:
        steward.client().embeddings.create(model="small", input="Hi.")
    assert error.value.code == "content_policy_violation"
    record = steward.record(error.value.body["request_id"])
    assert (record["outcome"], record["clause"]) == ("blocked", "credentials-and-secrets")


@pytest.mark.parametrize("body", [
    answer() | {"choices": ["text"]}, answer() | {"choices": [message(), None]}, answer() | {"choices": {"0": message()}},
    {"id": "no choices", "content": KEY}, [answer()], answer() | {"choices": [message()] * 200},
    b'{"choices":[],"a":[0' + b",0" * 2_100_000 + b"]}",
], ids=["text", "null", "object", "none", "array", "many", "values"])
def test_what_is_no_completion_is_a_malformed_answer(steward, canned, body):
    canned.say(body)
    got = raw(steward)
    assert (got.status, got.error["code"]) == (502, "upstream_malformed")


def test_a_card_number_that_is_a_json_number_is_redacted_both_ways(steward, canned):
    canned.say(answer(note={"card": int(CARD)}))
    got = json.loads(raw(steward, metadata={"card": int(CARD)}).body)
    assert got["note"] == {"card": "[redacted:pii.card]"}
    assert canned.asked["metadata"] == {"card": "[redacted:pii.card]"}


def test_long_numbers_that_are_nobodys_pass(steward, canned):
    # The bounds of integers in schemas, seeds, and times in milliseconds, microseconds and nanoseconds.
    bounds = {"minimum": -9007199254740991, "maximum": 9007199254740991, "multipleOf": 1.000000000000001,
              "exclusiveMaximum": 18446744073709551615, "exclusiveMinimum": -9223372036854775808}
    tool = {"type": "function", "function": {"name": "count", "parameters": {
        "type": "object", "properties": {"number": {"type": "integer"} | bounds}}}}
    more = {"tools": [tool], "seed": 1790000000123456, "metadata": {
        "ms": 1790000000123, "us": 1790000000123456, "ns": 1790000000123456789}}
    canned.say(answer())
    assert raw(steward, **more).status == 200
    assert {name: canned.asked[name] for name in more} == more


def test_a_card_number_behind_escapes_in_arguments_is_redacted(steward, canned):
    hidden = "".join(f"\\u{ord(digit):04x}" for digit in CARD)
    call = {"id": "1", "type": "function", "function": {"name": "pay", "arguments": f'{{"card":"{hidden}"}}'}}
    canned.say(answer(message(message={"role": "assistant", "content": None, "tool_calls": [call]})))
    got = json.loads(raw(steward).body)
    assert got["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"card":"[redacted:pii.card]"}'


@pytest.mark.parametrize("asks", [True, False])
def test_a_blocked_choice_stays_silent_while_another_speaks_and_usage_is_told(steward, canned, asks):
    canned.stream(
        delta("One", 0, usage=USAGE), delta(KEY, 1, usage=USAGE), delta("MIIEvQ", 1, usage=USAGE),
        delta(" two.", 0, usage=USAGE), delta("", 1, "stop", usage=USAGE), delta("", 0, "stop", usage=USAGE))
    options = {"stream_options": {"include_usage": True}} if asks else {}
    got = raw(steward, stream=True, n=2, **options).body.decode()
    assert "MIIE" not in got and "PRIVATE KEY" not in got
    events = [json.loads(line[6:]) for line in got.split("\n\n") if line.startswith("data: {")]
    choices = [choice for event in events for choice in event["choices"]]
    assert "".join(c["delta"].get("content") or "" for c in choices if c["index"] == 0) == "One two."
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["content_filter", "stop"]
    assert got.endswith("data: [DONE]\n\n")


def test_choices_that_have_not_begun_outlive_a_blocked_one(steward, canned):
    canned.stream(delta(KEY, 0), delta("Two", 1), delta(" three.", 1), delta("", 1, "stop"))
    texts, reasons = {0: "", 1: ""}, {}
    for event in steward.chat(model="small", n=2, stream=True):
        for choice in event.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons.get(choice.index)
    assert texts == {0: "", 1: "Two three."}
    assert reasons == {0: "content_filter", 1: "stop"}


@pytest.mark.parametrize("pieces, said", [
    (["So ", "it costs 12"], "So it costs 12"),
    (["The card is ", CARD], "The card is [redacted:pii.card]"),
    ([" 1111 are the last four; it begins 4111 1111 1111"], " 1111 are the last four; it begins 4111 1111 1111")])
def test_text_beside_the_finish_reason_keeps_its_order(steward, canned, pieces, said):
    canned.stream(*[delta(piece) for piece in pieces[:-1]], delta(pieces[-1], finish="stop"))
    choices = [event.choices[0] for event in steward.chat(model="small", stream=True)]
    assert "".join(choice.delta.content or "" for choice in choices) == said
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]


def test_text_beside_the_choices_of_a_stream_is_screened(steward, canned):
    canned.stream(delta("One.", note=f"Card {CARD}."), delta("", 0, "stop"))
    got = raw(steward, stream=True)
    assert CARD not in got.body.decode() and "Card [redacted:pii.card]." in got.body.decode()
    assert steward.record(got.fields["x-request-id"])["completion_verdict"] == "redact"
    canned.stream(delta("One."), delta(" Two.", note=KEY), delta(" Three."), delta("", 0, "stop"))
    got = raw(steward, stream=True)
    body = got.body.decode()
    assert "PRIVATE KEY" not in body and "Two" not in body
    assert '"finish_reason":"content_filter"' in body and body.endswith("data: [DONE]\n\n")
    record = steward.record(got.fields["x-request-id"])
    assert (record["outcome"], record["clause"]) == ("blocked", "credentials-and-secrets")


def chunk_of(finish=None, **choice):
    return delta("") | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish} | choice]}


def tool_call(**call):
    return {"tool_calls": [{"index": 0} | call]}


IN_CHOICES = {
    "a name in a delta": chunk_of(delta={KEY: "x"}),
    "a name in a choice": chunk_of(**{KEY: "x"}),
    "a number in a delta": chunk_of(delta={"content": "x", "card": int(CARD)}),
    "a number in a tool call": chunk_of(delta=tool_call(function={"arguments": {"card": int(CARD)}})),
    "a tool call's index": chunk_of(delta=tool_call(index=int(CARD))),
    "a choice's index": chunk_of(index=int(CARD)),
    "a name in log-probabilities": chunk_of(delta={"content": "x"}, logprobs={"content": [
        {"token": "x", "logprob": -1, "note": KEY}]}),
    "an alternative token": chunk_of(delta={"content": "x"}, logprobs={"content": [
        {"token": "x", "logprob": -1, "top_logprobs": [{"token": CARD, "logprob": -1}]}]}),
    "log-probabilities of no text": chunk_of(logprobs={"content": [{"token": CARD, "logprob": -1}]}),
}


@pytest.mark.parametrize("place", IN_CHOICES)
def test_no_place_in_a_streamed_choice_is_left_unscreened(steward, canned, place):
    canned.stream(delta("One thing, "), IN_CHOICES[place], delta("", 0, "stop"))
    got = raw(steward, stream=True).body.decode()
    assert "One thing" in got and CARD not in got and "PRIVATE KEY" not in got


def test_a_card_number_behind_escapes_in_streamed_arguments_is_redacted(steward, canned):
    hidden = "".join(f"\\u{ord(digit):04x}" for digit in CARD)
    pieces = [f'{{"card":"{hidden[:27]}', f'{hidden[27:]}"}}']
    canned.stream(*(chunk_of(delta=tool_call(function={"arguments": piece})) for piece in pieces), delta("", 0, "stop"))
    got = raw(steward, stream=True).body.decode()
    events = [json.loads(line[6:]) for line in got.split("\n\n") if line.startswith("data: {")]
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"card":"[redacted:pii.card]"}'


def test_a_finish_reason_that_is_no_word_breaks_a_stream_off(steward, canned):
    canned.stream(delta("One."), delta("", 0, f"Card {CARD}"))
    got = raw(steward, stream=True).body.decode()
    assert CARD not in got and "upstream_malformed" in got


def pieces_of(events, *path):
    """What client libraries join at a place of the first choice."""
    def at(node, path):
        return node if not path else at((node or {}).get(path[0]), path[1:]) if isinstance(node, dict) else (
            at(node[path[0]], path[1:]) if isinstance(node, list) else "")
    return "".join(at(event["choices"][0], path) or "" for event in events if event["choices"])


GROWING = {
    "a tool call's id": (lambda word: chunk_of(delta=tool_call(id=word)), ("delta", "tool_calls", 0, "id")),
    "a role": (lambda word: chunk_of(delta={"role": word}), ("delta", "role")),
    "an id": (lambda word: chunk_of(delta={"id": word}), ("delta", "id")),
    "an id further down": (lambda word: chunk_of(delta={"r": {"id": word}}), ("delta", "r", "id")),
}


@pytest.mark.parametrize("halves", [("4111-1111-", "1111-1111"), ("4111", "111111111111"), ("41111111111111", "11")])
@pytest.mark.parametrize("place", GROWING)
def test_words_that_client_libraries_join_are_judged_as_they_grow(steward, canned, place, halves):
    event, path = GROWING[place]
    canned.stream(delta("So."), *map(event, halves), delta("", 0, "stop"))
    got = raw(steward, stream=True).body.decode()
    events = [json.loads(line[6:]) for line in got.split("\n\n") if line.startswith("data: {")]
    # A choice that is ended so keeps what was held back of its text.
    assert "So.".startswith(pieces_of(events, "delta", "content") or "-")
    assert CARD not in pieces_of(events, *path).replace("-", "")


def test_an_id_and_a_role_that_every_event_repeats_pass(steward, canned):
    event = chunk_of(delta={"role": "assistant", "content": "x"} | tool_call(
        id="chatcmpl-tool-4111a1111", type="function", function={"name": "", "arguments": "{}"}))
    canned.stream(event, event, event, delta("", 0, "stop"))
    got = raw(steward, stream=True).body.decode()
    assert got.count("chatcmpl-tool-4111a1111") == 3 and got.count("assistant") == 3


@pytest.mark.parametrize("stream", [True, False])
def test_a_choice_that_nobody_asked_for_is_a_malformed_answer(steward, canned, stream):
    halves = "my card is 4111 1111 ", "1111 1111 ok"
    if stream:
        canned.stream(delta(halves[0]), delta("", 0, "stop"), delta(halves[1], 1), delta("", 1, "stop"))
    else:
        canned.say(answer(message(halves[0]), message(halves[1], index=1)))
    got = raw(steward, stream=stream)
    assert "upstream_malformed" in got.body.decode() and halves[1] not in got.body.decode()
    # Of two that were asked for, each is a text of its own.
    got = raw(steward, stream=stream, n=2)
    assert got.status == 200 and "upstream_malformed" not in got.body.decode()


@pytest.mark.parametrize("start", [1_000, 1_010, 1_020])
def test_no_beginning_of_a_number_leaves_with_the_reason_of_a_refusal(steward, canned, start):
    text = ("x" * 9 + " ") * (start // 10)
    canned.say({"error": {"message": f"{text}{CARD} is too long."}}, status=400)
    got = raw(steward)
    assert got.status == 400 and "4111" not in got.body.decode()
    canned.say({"error": {"message": f"{text * 2} is too long."}}, status=400)
    assert got.status == 400 and text[:900] in raw(steward).error["message"]


@pytest.mark.parametrize("name", ["small", "tiny", "large"])
@pytest.mark.parametrize("said", ["small", "meta/large"])
def test_answers_say_the_name_that_was_asked_for(steward, canned, name, said):
    # Where both sides use one name, the server may say more, such as a version.
    expected = said if name == "small" else name
    canned.say(answer(model=said))
    assert steward.chat(model=name).model == expected
    canned.stream(delta("One.", model=said), delta("", 0, "stop", model=said))
    assert {event.model for event in steward.chat(model=name, stream=True)} == {expected}


@pytest.mark.parametrize("stream", [True, False])
def test_listed_fields_of_the_model_server_reach_the_caller(steward, canned, stream):
    say = (lambda **f: canned.stream(delta("One."), delta("", 0, "stop"), **f)) if stream else (
        lambda **f: canned.say(answer(), **f))
    say(**{"openai-version": "2020-10-01", "openai-processing-ms": "7", "x-other": "no"})
    fields = raw(steward, stream=stream).fields
    assert (fields["openai-version"], fields["openai-processing-ms"]) == ("2020-10-01", "7")
    assert "x-other" not in fields
