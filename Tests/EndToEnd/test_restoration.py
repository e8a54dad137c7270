"""What is taken out of a prompt under `restore: true` stands there as a placeholder, and is given back in the answer."""

import json

import pytest
from harness import wait_until
from speakers import Chat, Completions, Messages, Responses, header

ONE, TWO, TAX = "4111 1111 1111 1111", "4012888888881881", "Steuer-ID 86 095 742 719"
PROMPT = f"Pay {ONE}, then {TWO}, then {ONE} again; not [CARD_1] nor [CARD_9]. From {TAX}: [CARD_, [[x]."
MASKED = ("Pay [CARD_2], then [CARD_3], then [CARD_2] again; not [CARD_1] nor [CARD_9]. From Steuer-ID [redacted:pii.national_id]: "
          "[CARD_, [[x].")
GIVEN_BACK = PROMPT.replace("86 095 742 719", "[redacted:pii.national_id]")


@pytest.fixture(scope="module")
def restoring(tmp_path_factory, rehearsal_server):
    from harness import Steward

    folder = tmp_path_factory.mktemp("restoring")
    policy = folder / "policy.yaml"
    policy.write_text("redactions:\n  - {categories: [pii.card], restore: true}\n")
    server = Steward(
        folder, upstream=rehearsal_server.url, settings={"filter": {"policy": str(policy)}}, start=False).start()
    yield server
    server.stop()


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize("speaker", [Chat, Completions, Responses, Messages])
def test_the_model_sees_placeholders_and_the_caller_its_own_words(restoring, rehearsal, speaker, way, chunk):
    says = speaker(restoring)
    text, _ = getattr(says, way)(PROMPT, f"style=echo;chunk={chunk}")
    asked = json.dumps(rehearsal.last_body())
    assert MASKED in asked and ONE not in asked and TWO not in asked
    assert GIVEN_BACK in text
    record = restoring.record(says.ids[-1])
    assert (record["prompt_verdict"], record["completion_verdict"]) == ("redact", "allow")
    assert "4111" not in json.dumps(record)


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_model_makes_up_is_taken_out_as_ever(restoring, stream):
    text, _ = restoring.text("Hello [CARD_1].", f"text={''.join(f'%{ord(c):x}' for c in TWO)};split=3;chunk=2", stream)
    assert TWO not in text and "[redacted:pii.card]" in text
    # Of another exchange nothing is known.
    text, _ = restoring.text("Say [CARD_2].", "style=echo", stream)
    assert "[CARD_2]" in text


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_do_not_tell_otherwise(restoring, stream):
    answer = restoring.chat(f"Pay {TWO} now.", "style=echo;chunk=2", stream=stream, logprobs=True)
    if not stream:
        assert TWO in answer.choices[0].message.content
        return
    text, spelled = "", ""
    for event in answer:
        for choice in event.choices:
            text += choice.delta.content or ""
            if choice.logprobs:
                spelled += "".join(entry.token for entry in choice.logprobs.content or [])
    assert TWO in text and "CARD_1" not in spelled


TOOL = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_given_the_original(restoring, rehearsal, stream):
    """The model writes the placeholder that it saw into a tool's arguments."""
    options = "tools=true;in=arguments;text=%5BCARD_1%5D;chunk=2"
    tools = [{"type": "function", "function": {"name": "pay", "parameters": TOOL}}]
    answer = restoring.chat(f"Pay {TWO}.", options, stream=stream, tools=tools)
    if stream:
        arguments = "".join(
            call.function.arguments or "" for event in answer for choice in event.choices
            for call in choice.delta.tool_calls or [])
    else:
        arguments = answer.choices[0].message.tool_calls[0].function.arguments
    assert TWO in json.dumps(json.loads(arguments)) and "CARD_1" not in arguments
    messages = Messages(restoring)
    tools = [{"name": "pay", "input_schema": TOOL}]
    if stream:
        with messages.client.messages.stream(
                model="rehearsal", max_tokens=400, messages=[{"role": "user", "content": f"Pay {TWO}."}], tools=tools,
                extra_headers=header(options)) as events:
            message = events.get_final_message()
    else:
        message = messages.ask(f"Pay {TWO}.", options, tools=tools)
    (use,) = [block for block in message.content if block.type == "tool_use"]
    assert TWO in json.dumps(use.input) and "CARD_1" not in json.dumps(use.input)


def test_what_could_not_be_given_back_is_taken_out_for_good(restoring, rehearsal):
    restoring.client().embeddings.create(model="rehearsal", input=[f"Pay {ONE}.", f"Pay {TWO}."])
    assert json.dumps(rehearsal.last_body()).count("[redacted:pii.card]") == 2
    assert "[CARD_1]" in restoring.text("Say [CARD_1].", "style=echo")[0]


def test_nothing_of_it_is_kept(restoring):
    restoring.text(f"Pay {TWO}.", "style=echo")
    assert wait_until(lambda: restoring.records(1), 10, 0.2)
    found = [path for path in (restoring.folder).rglob("*") if path.is_file() and TWO.encode() in path.read_bytes()]
    assert found == []
