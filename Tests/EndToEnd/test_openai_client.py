"""The real `openai` package, served through Steward, finds all that it would find at OpenAI."""

import json

import openai
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
PIXEL = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
         "rkJggg==")


def test_a_plain_answer_is_the_models_own_with_usage_and_a_request_id(steward, rehearsal):
    answer = steward.chat("Name a colour.")
    assert answer.choices[0].message.content == rehearsal.chat("Name a colour.")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id.startswith("req_")


def test_a_stream_says_the_same_as_a_plain_answer(steward):
    assert steward.text("Name a river.", stream=True) == steward.text("Name a river.")


@pytest.mark.parametrize("asks", [True, False])
def test_usage_is_asked_upstream_and_reaches_only_who_asked(steward, rehearsal, asks):
    options = {"stream_options": {"include_usage": True}} if asks else {}
    chunks = list(steward.chat(stream=True, **options))
    assert rehearsal.last_body()["stream_options"]["include_usage"] is True
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert len(usages) == (1 if asks else 0)
    assert all(chunk.choices for chunk in chunks) is not asks
    assert not asks or usages[0].total_tokens > 0


@pytest.mark.parametrize("stream", [True, False])
def test_several_choices_stay_apart(steward, rehearsal, stream):
    answer = steward.chat("Name a tree.", n=3, stream=stream)
    texts = {0: "", 1: "", 2: ""}
    if stream:
        for chunk in answer:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
    else:
        texts = {choice.index: choice.message.content for choice in answer.choices}
    assert sorted(texts) == [0, 1, 2] and all(texts.values())
    assert len(set(texts.values())) == 3


@pytest.mark.parametrize("stream", [True, False])
def test_tools_are_called_with_arguments_that_are_json(steward, stream):
    answer = steward.chat(
        "How is the weather?", options="tools=true", tools=[WEATHER], tool_choice="auto", stream=stream)
    if stream:
        name, arguments, reason = "", "", None
        for chunk in answer:
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    name += call.function.name or ""
                    arguments += call.function.arguments or ""
                reason = choice.finish_reason or reason
    else:
        call = answer.choices[0].message.tool_calls[0]
        name, arguments, reason = call.function.name, call.function.arguments, answer.choices[0].finish_reason
    assert (name, reason) == ("weather", "tool_calls")
    assert set(json.loads(arguments)) == {"place"}


def test_a_tools_result_goes_back_to_the_model(steward, rehearsal):
    messages = [
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"place\":\"Oslo\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Snow."},
    ]
    steward.client().chat.completions.create(model="rehearsal", messages=messages, tools=[WEATHER])
    assert rehearsal.last_body()["messages"] == messages


def test_a_response_format_reaches_the_model(steward, rehearsal):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}}
    answer = steward.chat("Name a city.", response_format=form)
    assert rehearsal.last_body()["response_format"] == form
    assert set(json.loads(answer.choices[0].message.content)) == {"city"}


@pytest.mark.parametrize("stream", [True, False])
def test_log_probabilities_spell_the_text(steward, stream):
    answer = steward.chat("Name a bird.", logprobs=True, top_logprobs=2, stream=stream)
    choices = [c for chunk in answer for c in chunk.choices] if stream else answer.choices
    text = "".join((c.delta if stream else c.message).content or "" for c in choices)
    tokens = [t for c in choices if c.logprobs for t in c.logprobs.content or []]
    assert text and "".join(t.token for t in tokens) == text
    assert all(len(t.top_logprobs) == 2 for t in tokens)


@pytest.mark.parametrize("stream", [True, False])
def test_completions_answer_too(steward, stream):
    answer = steward.client().completions.create(model="rehearsal", prompt="Once upon a time", max_tokens=16, stream=stream)
    choices = [c for chunk in answer for c in chunk.choices] if stream else answer.choices
    assert "".join(c.text for c in choices)
    assert choices[-1].finish_reason in ("stop", "length")


def test_embeddings_keep_their_numbers(steward):
    answer = steward.client().embeddings.create(model="rehearsal", input=["one", "two"])
    assert [e.index for e in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 0
    assert answer.data[0].embedding != answer.data[1].embedding
    plain = steward.client().embeddings.create(model="rehearsal", input="one", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)


def test_moderations_are_answered_by_the_filter_without_a_model(steward, rehearsal):
    clean, card = steward.client().moderations.create(
        input=["A walk in the park.", "Pay with " + "4111" + "1111" * 3]).results
    assert not clean.flagged and not any(clean.categories.model_dump().values())
    assert card.flagged
    assert [f["category"] for f in card.steward["findings"]] == ["pii.card"]
    assert rehearsal.requests() == 0


def test_moderations_have_the_classifiers_scores_and_say_what_nobody_judges(steward):
    hate, calm, other = steward.client().moderations.create(input=[
        "I hate all immigrants, they are filthy animals and should be thrown out.", "We had soup for lunch.",
        "明日は天気がよいので、私たちは湖まで歩いて行きます。"]).results
    assert hate.flagged and hate.categories.hate and hate.category_scores.hate > 0.5 > calm.category_scores.hate > 0
    assert hate.category_applied_input_types.hate == ["text"]
    assert hate.steward["not_evaluated"] == calm.steward["not_evaluated"]
    # In a script that it hardly knows, the classifier judges nothing; rules still do.
    assert other.category_scores.violence == 0 and other.category_applied_input_types.violence == []
    assert "violence" in other.steward["not_evaluated"] and "violence" not in calm.steward["not_evaluated"]
    assert "sexual/minors" not in other.steward["not_evaluated"]


def test_models_are_listed_and_found_with_their_aliases(steward):
    client = steward.client()
    names = [model.id for model in client.models.list()]
    assert {"rehearsal", "rehearsal-alias", "rehearsal-vision"} <= set(names)
    assert client.models.retrieve("rehearsal-alias").id == "rehearsal-alias"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
    assert steward.text(model="rehearsal-alias")[0]


IMAGE = [{"role": "user", "content": [
    {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}]


def test_images_are_refused_unless_the_models_policy_admits_them(steward, rehearsal):
    with pytest.raises(openai.BadRequestError) as refusal:
        steward.client().chat.completions.create(model="rehearsal", messages=IMAGE)
    assert refusal.value.code == "unscreenable_content"
    assert refusal.value.param == "messages[0].content[1]"
    assert rehearsal.requests() == 0


def test_an_admitted_image_is_recorded_as_not_evaluated(steward, rehearsal):
    answer = steward.client().chat.completions.create(model="rehearsal-vision", messages=IMAGE)
    assert rehearsal.last_body()["messages"] == IMAGE
    assert steward.record(answer._request_id)["prompt_verdict"] in ("not evaluated", "not_evaluated")


def test_unknown_fields_and_long_numbers_reach_the_model_unchanged(steward, rehearsal):
    extra = {"novelty": {"deep": [1, 2.50, None, True, "ü"]}, "seed": 123456789012345678901234567890}
    steward.chat(extra_body=extra)
    assert '"seed":123456789012345678901234567890' in rehearsal.observations()["last"]["body"]
    assert rehearsal.last_body()["novelty"] == extra["novelty"]


def test_a_missing_output_cap_is_set_to_the_models(steward, rehearsal):
    steward.chat()
    body = rehearsal.last_body()
    assert 4096 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    steward.chat(max_tokens=7)
    assert rehearsal.last_body()["max_tokens"] == 7


def test_the_upstream_gets_neither_the_callers_key_nor_its_client_headers(steward, rehearsal):
    steward.chat(extra_body={"user": "someone"})
    headers = rehearsal.last_headers()
    assert steward.key not in json.dumps(headers)
    assert headers["accept-encoding"] == "identity"
    assert not any(name.startswith("x-stainless") for name in headers)


def test_the_callers_request_id_is_recorded_beside_ours(steward):
    answer = steward.client().with_options(default_headers={"x-request-id": "mine-1"}).chat.completions.with_raw_response.create(
        model="rehearsal", messages=[{"role": "user", "content": "Hello."}])
    ours = answer.headers["x-request-id"]
    assert ours.startswith("req_")
    assert steward.record(ours)["caller_request_id"] == "mine-1"
