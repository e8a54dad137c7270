"""A second opinion on what a model answers, whole and streamed."""

import openai
import pytest
from judging import said, settled
from speakers import Chat, Completions, Messages, Responses

WEAPON = {"category": "weapons.indiscriminate", "score": 1}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("speaker", [Chat, Completions, Responses, Messages], ids=lambda speaker: speaker.__name__.lower())
def test_an_answer_is_withheld_in_every_dialect(with_judge, judge, rehearsal, speaker, stream):
    steward = with_judge(clauses=["violence-and-weapons"], sides=["completion"], ask_always=True)
    speaker = speaker(steward)
    ask = speaker.stream if stream else speaker.plain
    judge.find()
    model, _ = speaker_text(ask, "split=5")
    assert len(model) > 20
    judge.find(WEAPON)
    text, reason = speaker_text(ask, "split=5")
    assert text == "" or text not in model and model not in text
    assert reason == speaker.blocked
    question = judge.asked[-1][1]
    assert question["side"] == "completion" and question["text"].strip() and "harbour" in question["prompt"]
    records = settled(steward, 2)
    assert [r["outcome"] for r in sorted(records, key=lambda r: r["admitted_at"])] == ["answered", "blocked"]
    assert all(f["clause"] == "violence-and-weapons" for r in records for f in r["findings"] if f["rule"] == "judge/second")


def speaker_text(ask, options):
    text, reason = ask("Tell me about the harbour.", options)
    return text or "", reason


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("policy", ["closed", "open"])
def test_an_answer_without_an_opinion(with_judge, judge, rehearsal, policy, stream):
    steward = with_judge(
        clauses=["violence-and-weapons"], sides=["completion"], ask_always=True, on_failure=policy)
    judge.hang()
    if policy == "closed":
        with pytest.raises(openai.InternalServerError) as refused:
            steward.text(stream=stream)
        assert refused.value.code == "judge_unavailable"
    else:
        assert steward.text(stream=stream)[1] == "stop"
    record = settled(steward, 1)[0]
    assert record["completion_verdict"] == "not_evaluated"
    assert {verdict for _, _, verdict in said(record)} == {"not_evaluated"}
    assert record["outcome"] == ("refused" if policy == "closed" else "answered")


def test_a_stream_that_may_pass_is_not_held(with_judge, judge, rehearsal):
    steward = with_judge(
        clauses=["violence-and-weapons"], sides=["completion"], ask_always=True, streams="pass")
    judge.find(WEAPON)
    text, reason = steward.text("Tell me about the harbour.", "split=5", stream=True)
    assert reason == "stop" and text == rehearsal.chat("Tell me about the harbour.", "split=5")
    record = settled(steward, 1)[0]
    assert record["outcome"] == "answered" and ("completion", "weapons.indiscriminate", "flag") in said(record)


def test_a_held_stream_is_the_same_as_one_that_is_not(with_judge, make_steward, judge, rehearsal):
    held = with_judge(clauses=["violence-and-weapons"], sides=["completion"], ask_always=True)
    plain = make_steward()
    prompt, options = "Tell me about the harbour.", "split=3"

    def events(steward):
        return [
            chunk.model_dump(exclude={"id", "created"})
            for chunk in steward.chat(prompt, options, stream=True, stream_options={"include_usage": True})
        ]
    assert events(held) == events(plain)
