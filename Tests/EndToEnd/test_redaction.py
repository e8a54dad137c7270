"""What must not reach the caller is taken out, however it is cut into chunks or dressed; the rest stays as it was."""

import base64
import json
import re
import zlib
from urllib.parse import quote

import pytest

DISGUISES = {
    "": r"4\d{15}",
    "grouped": r"4\d{3}(?: \d{4}){3}",
    "zero-width": r"4(?:\u200b\d){15}",
    "soft-hyphen": r"4(?:\u00ad\d){15}",
    "full-width": r"\uff14[\uff10-\uff19]{15}",
}
REDACTED = "[redacted:pii.card]"


def said(steward, rehearsal, options, prompt="Tell me about the harbour.", **more):
    """What the model said, and what came through."""
    text, reason = steward.text(prompt, options, **more)
    return rehearsal.chat(prompt, options), text, reason


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("split", [1, 2, 5, 16])
@pytest.mark.parametrize("stream", [True, False])
def test_a_card_number_is_redacted_and_nothing_else(steward, rehearsal, disguise, split, stream):
    options = f"violation=card;split={split}" + (f";disguise={disguise}" if disguise else "")
    model, caller, reason = said(steward, rehearsal, options, stream=stream)
    expected, count = re.subn(DISGUISES[disguise], REDACTED, model)
    assert count == 1
    assert (caller, reason) == (expected, "stop")


def github_token():
    """With the check digits that GitHub's tokens have: CRC-32 in base 62."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    text, end = "Zz9Yy8Xx7Ww6" * 3, ""
    checksum = zlib.crc32(text[:30].encode())
    for _ in range(6):
        checksum, digit = divmod(checksum, 62)
        end = digits[digit] + end
    return "gh" + "p_" + text[:30] + end


def jwt():
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890", "name": "Nobody", "iat": 1516239022}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp9Oo8Nn7Mm6L"])


@pytest.mark.parametrize("what, category, kept", [
    ("violation=card", "pii.card", ""), ("violation=api-key", "secret.api_key", ""),
    ("violation=aws-key", "secret.api_key", ""),
    (f"text={quote('Steuer-ID 86 095 742 719')}", "pii.national_id", "Steuer-ID "),
    (f"text={quote(github_token())}", "secret.token", ""), (f"text={quote(jwt())}", "secret.token", ""),
], ids=["card", "api-key", "aws-key", "national-id", "github-token", "jwt"])
@pytest.mark.parametrize("stream", [True, False])
def test_each_kind_is_redacted_under_its_category(steward, rehearsal, what, category, kept, stream):
    model, caller, _ = said(steward, rehearsal, f"{what};split=5", stream=stream)
    found = re.findall(r"\[redacted:([^\]]+)\]", caller)
    assert found == [category], caller
    before, after = caller.split(f"[redacted:{category}]")
    assert model.startswith(before) and model.endswith(after)
    assert before.endswith(kept)


@pytest.mark.parametrize("violation", ["email", "phone", "ip", "iban", "birth-date", "password"])
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_only_flagged_comes_through_unchanged(steward, rehearsal, violation, stream):
    model, caller, _ = said(steward, rehearsal, f"violation={violation};split=5", stream=stream)
    assert caller == model


def test_what_is_flagged_is_recorded(steward):
    answer = steward.chat(options="violation=email")
    record = steward.record(answer._request_id)
    assert (record["outcome"], record["completion_verdict"]) == ("answered", "flag")
    assert [(f["category"], f["side"], f["verdict"]) for f in record["findings"]] == [("pii.email", "completion", "flag")]


@pytest.mark.parametrize("stream", [True, False])
def test_a_private_key_ends_the_answer_with_content_filter(steward, rehearsal, stream):
    model, caller, reason = said(steward, rehearsal, "violation=private-key;split=40", stream=stream)
    assert reason == "content_filter"
    assert "PRIVATE KEY" in model and "PRIVATE" not in (caller or "")
    assert not stream or model.startswith(caller)


def test_a_blocked_stream_ends_in_order_with_usage_where_it_was_asked_for(steward):
    chunks = list(steward.chat(
        options="violation=private-key;split=40", stream=True, stream_options={"include_usage": True}))
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["content_filter"]
    assert [chunk.usage.total_tokens > 0 for chunk in chunks if chunk.usage] == [True]


def test_a_block_is_recorded_with_its_clause(steward):
    answer = steward.chat(options="violation=private-key")
    assert answer.choices[0].finish_reason == "content_filter"
    record = steward.record(answer._request_id)
    assert (record["outcome"], record["clause"]) == ("blocked", "credentials-and-secrets")
    assert record["findings"][0]["category"] == "secret.private_key"


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_text_without_findings_is_not_delayed(steward, rehearsal, chunk):
    """An event of the model is an event of ours, but where its end may begin a phrase that is blocked, or a key."""
    text, sent, got = rehearsal.chat("Of clocks.", f"chunk={chunk}"), 0, ""
    for event in steward.chat("Of clocks.", f"chunk={chunk};rate=200", stream=True):
        for choice in event.choices:
            if choice.delta.content:
                got += choice.delta.content
                sent += 1
    assert got == text
    assert sent >= len(text) / chunk * 0.7


def test_the_first_words_arrive_while_the_model_still_speaks(steward, rehearsal):
    stream = steward.chat(options="rate=20;tokens=600", stream=True)
    for event in stream:
        if event.choices and event.choices[0].delta.content:
            break
    assert rehearsal.observations()["completed"] == 0
    stream.close()


@pytest.mark.parametrize("stream", [True, False])
def test_reasoning_is_redacted_too(steward, stream):
    answer = steward.chat(options="violation=card;in=reasoning;reasoning=12;split=5", stream=stream)
    parts = [c.delta for event in answer for c in event.choices] if stream else [answer.choices[0].message]
    text = "".join((part.model_extra or {}).get("reasoning_content") or (part.model_extra or {}).get("reasoning") or ""
                   for part in parts)
    assert REDACTED in text
    assert not re.search(DISGUISES[""], text)


@pytest.mark.parametrize("stream", [True, False])
def test_tool_arguments_are_redacted_too(steward, stream):
    tool = {"type": "function", "function": {"name": "note", "parameters": {
        "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}}
    answer = steward.chat(options="violation=card;in=arguments;split=7;tools=true", tools=[tool], stream=stream)
    if stream:
        arguments = "".join(call.function.arguments or "" for event in answer for c in event.choices
                            for call in c.delta.tool_calls or [])
    else:
        arguments = answer.choices[0].message.tool_calls[0].function.arguments
    assert REDACTED in arguments
    assert not re.search(DISGUISES[""], arguments)


@pytest.mark.parametrize("stream", [True, False])
def test_log_probabilities_do_not_spell_what_was_redacted(steward, stream):
    answer = steward.chat(options="violation=card;split=5", logprobs=True, top_logprobs=1, stream=stream)
    choices = [c for event in answer for c in event.choices] if stream else answer.choices
    text = "".join((c.delta if stream else c.message).content or "" for c in choices)
    spelled = "".join(t.token for c in choices if c.logprobs for t in c.logprobs.content or [])
    assert REDACTED in text
    assert not re.search(r"\d{4}", spelled)


@pytest.mark.parametrize("stream", [True, False])
def test_several_choices_are_redacted_each_for_itself(steward, stream):
    answer = steward.chat(options="violation=card;split=5", n=3, stream=stream)
    texts = ["", "", ""]
    for choice in ([c for event in answer for c in event.choices] if stream else answer.choices):
        texts[choice.index] += (choice.delta if stream else choice.message).content or ""
    assert [text.count(REDACTED) for text in texts] == [1, 1, 1]
    assert not any(re.search(DISGUISES[""], text) for text in texts)


def test_completions_are_redacted_too(steward):
    for stream in (True, False):
        answer = steward.client().completions.create(
            model="rehearsal", prompt="A number, please.", stream=stream,
            extra_headers={"x-rehearsal": "violation=card;split=5"})
        choices = [c for event in answer for c in event.choices] if stream else answer.choices
        text = "".join(choice.text for choice in choices)
        assert REDACTED in text and not re.search(DISGUISES[""], text)


CARD = "4111" + "1111" * 3
FULL_WIDTH = "".join(chr(ord(digit) + 0xFEE0) for digit in CARD)
GROUPS = re.findall("....", CARD)
WRITTEN_OTHERWISE = {
    "plain": CARD, "full-width": FULL_WIDTH, "blanks": " ".join(GROUPS), "double blanks": "  ".join(GROUPS),
    "dots": ".".join(GROUPS), "lines": "\n".join(GROUPS), "zero-width": "\u200b".join(CARD), "nul": "\0".join(CARD),
    "record separators": "\x1e".join(CARD), "tags": "\U000e0041".join(CARD),
    "hidden": "".join(chr(ord(digit) + 0xE0000) for digit in CARD),
}


@pytest.mark.parametrize("card", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE)
def test_a_card_number_in_a_prompt_does_not_reach_the_model(steward, rehearsal, card):
    answer = steward.chat(f"My card is {card}, thanks.")
    assert rehearsal.last_body()["messages"][0]["content"] == f"My card is {REDACTED}, thanks."
    record = steward.record(answer._request_id)
    assert record["prompt_verdict"] == "redact"
    assert [f["category"] for f in record["findings"]] == ["pii.card"]


def test_a_card_number_spread_over_content_parts_does_not_reach_the_model(steward, rehearsal):
    parts = [{"type": "text", "text": f"My card is {CARD[:7]}"}, {"type": "text", "text": f"{CARD[7:]} thanks."}]
    steward.client().chat.completions.create(model="rehearsal", messages=[{"role": "user", "content": parts}])
    text = "".join(part["text"] for part in rehearsal.last_body()["messages"][0]["content"])
    assert CARD not in text and CARD[:7] not in text


@pytest.mark.parametrize("place", ["system", "name", "tool", "metadata", "user"])
def test_every_free_text_field_is_screened(steward, rehearsal, place):
    messages = [{"role": "user", "content": "Hello."}]
    extra = {}
    if place == "system":
        messages.insert(0, {"role": "system", "content": f"Card {CARD}."})
    elif place == "name":
        messages[0]["name"] = f"card {CARD}"
    elif place == "tool":
        extra["tools"] = [{"type": "function", "function": {
            "name": "pay", "description": f"Pays with {CARD}.", "parameters": {"type": "object", "properties": {}}}}]
    elif place == "metadata":
        extra["metadata"] = {"note": f"Card {CARD}."}
    else:
        extra["user"] = f"card {CARD}"
    steward.client().chat.completions.create(model="rehearsal", messages=messages, extra_body=extra)
    assert CARD not in rehearsal.observations()["last"]["body"]


def test_embedding_inputs_are_screened(steward, rehearsal):
    steward.client().embeddings.create(model="rehearsal", input=["Fine.", f"Card {CARD}."])
    assert CARD not in rehearsal.observations()["last"]["body"]
    assert rehearsal.last_body()["input"][0] == "Fine."
