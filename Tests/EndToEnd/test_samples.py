"""Texts that are drawn for people to judge: sealed, judged by command, and what that tells of rules."""

import json
import re
import subprocess

import openai
import pytest
from harness import BINARY, TOP, wait_until
from speakers import Chat, Completions, Messages, Responses
from test_upstream_resilience import metric

KEY = "5a" * 32
ALL = {"found_per_million": 1_000_000, "unsure_per_million": 1_000_000, "others_per_million": 1_000_000}
CARDS = ["4111 1111 1111 1111", "4012888888881881", "5555555555554444", "378282246310005"]
PAY = f"Pay with {CARDS[0]} at the harbour."


@pytest.fixture
def sampling(make_steward, monkeypatch):
    monkeypatch.setenv("SAMPLES_KEY", KEY)

    def make(**samples):
        return make_steward({"samples": {"key_env": "SAMPLES_KEY"} | ALL | samples}, env={"SAMPLES_KEY": KEY})

    return make


def samples(steward, *arguments, count):
    found = wait_until(
        lambda: (lambda all: all if len(all) >= count else None)(steward.ask("filter", "samples", "list", *arguments)), 20, 0.3)
    assert found and len(found) == count, steward.ask("filter", "samples", "list", *arguments)
    return found


def shown(steward, sample):
    return steward.ask("filter", "samples", "show", sample["id"], "--open")


@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize("speaker", [Chat, Completions, Responses, Messages])
def test_both_sides_are_drawn_with_what_was_found_in_them(sampling, speaker, way):
    steward = sampling()
    says = speaker(steward)
    getattr(says, way)(PAY, "violation=card;tokens=30")
    both = {sample["side"]: shown(steward, sample) for sample in samples(steward, count=2)}
    assert {sample["record"] for sample in both.values()} == {says.ids[-1]}
    assert PAY in both["prompt"]["text"]
    for sample in both.values():
        found = [f for f in sample["findings"] if f["rule"] == "pii/card-number"]
        texts = [sample["text"].encode()[f["start"]:f["end"]].decode() for f in found]
        assert texts and all(re.fullmatch(r"[\d ]{16,19}", text) for text in texts), texts
        assert (sample["reason"], sample["probability"], sample["is_cut"]) == ("found", 1, False)
        assert 0 <= sample["scores"]["hate"] <= 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_taken_out_of_an_answer_can_be_judged(sampling, stream):
    steward = sampling()
    text, _ = steward.text("Hello.", "violation=card;split=3", stream)
    assert "[redacted:pii.card]" in text
    (sample,) = [shown(steward, s) for s in samples(steward, "--category", "pii.card", count=1)]
    (finding,) = [f for f in sample["findings"] if f["rule"] == "pii/card-number"]
    assert re.search(r"\d{4}", sample["text"].encode()[finding["start"]:finding["end"]].decode())


def test_nothing_is_drawn_without_a_key_and_little_of_what_says_nothing(make_steward, sampling):
    without = make_steward()
    without.chat(PAY)
    few = sampling(found_per_million=0, unsure_per_million=0, others_per_million=0)
    few.chat(PAY)
    for steward in (without, few):
        assert wait_until(lambda: steward.records(1), 10, 0.2)
        steward.stop()
        assert steward.ask("filter", "samples", "list") == []


@pytest.mark.parametrize("stream", [False, True])
def test_what_may_show_the_abuse_of_children_is_never_kept(make_steward, tmp_path, stream):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {id: own/minors, category: sexual.minors, words: [zorblax], matches: [zorblax], "
                     "non_matches: [harbour]}\n")
    steward = make_steward(
        {"samples": {"key_env": "SAMPLES_KEY"} | ALL, "filter": {"rules": [str(rules)]}}, env={"SAMPLES_KEY": KEY})
    with pytest.raises(openai.BadRequestError):
        steward.text("A zorblax.", "tokens=5", stream)
    many = " and ".join(CARDS * 20)
    with pytest.raises(openai.BadRequestError):
        steward.text(f"{many} and a zorblax.", "tokens=5", stream)
    steward.text("Hello.", "text=zorblax;tokens=20", stream)
    # The prompt of the last one alone.
    kept = [shown(steward, sample) for sample in samples(steward, count=1)]
    assert [sample["side"] for sample in kept] == ["prompt"] and "Hello" in kept[0]["text"], kept
    assert metric(steward, "steward_samples_total", outcome="withheld") == 3


def test_texts_are_sealed_blurred_and_erased(sampling):
    steward = sampling()
    steward.chat(PAY, "tokens=5")
    sample = next(s for s in samples(steward, count=2) if s["side"] == "prompt")
    steward.stop()
    kept = [p for p in steward.data.rglob("*") if p.is_file() and CARDS[0].encode() in p.read_bytes()]
    assert kept == []
    blurred = steward.command("filter", "samples", "show", sample["id"]).stdout
    assert "4111" not in blurred and "░░░" in blurred and "--open" in blurred
    assert CARDS[0] in steward.command("filter", "samples", "show", sample["id"], "--open").stdout
    steward.env["SAMPLES_KEY"] = "5b" * 32
    refused = steward.command("filter", "samples", "show", sample["id"], check=False)
    assert refused.returncode != 0 and "sealed under another key" in refused.stderr
    steward.command("filter", "samples", "forget", sample["id"])
    assert "There is no sample" in steward.command("filter", "samples", "show", sample["id"], check=False).stderr


def test_labels_tell_how_often_a_rule_is_right(sampling):
    steward = sampling()
    for card in CARDS:
        steward.chat(f"Pay with {card}.", "tokens=2")
    drawn = samples(steward, "--rule", "pii/card-number", count=4)
    for number in range(4):
        due = steward.ask("filter", "samples", "next", "--reviewer", "jane", "--category", "pii")
        assert due["id"] == drawn[3 - number]["id"] and due["is_blurred"]
        steward.command(
            "filter", "samples", "label", due["id"], "--category", "pii.card", "--reviewer", "jane",
            "--says", "no" if number == 0 else "yes")
    # Nobody has to judge what they don't want to see.
    assert "nothing left" in steward.command(
        "filter", "samples", "next", "--reviewer", "jane", "--category", "pii").stdout
    assert steward.ask("filter", "samples", "next", "--reviewer", "joe", "--not", "pii")["categories"] == []
    (rule,) = [r for r in steward.ask("filter", "samples", "precision") if r["rule"] == "pii/card-number"]
    assert (rule["samples"], rule["judged"], rule["precision"]) == (4, 4, 0.75)
    # Wilson's interval of 3 of 4.
    assert abs(rule["low"] - 0.3006) < 1e-3 and abs(rule["high"] - 0.9544) < 1e-3
    assert "0.750" in steward.command("filter", "samples", "precision").stdout
    rows = steward.ask("filter", "samples", "thresholds", "--category", "hate")
    assert [row["judged"] for row in rows] == [0] * len(rows)


@pytest.mark.parametrize("arguments, says", [
    (["label", "smp_01jdb3k6y8v4m2n7q9r5s1t3w6", "--category", "pii.emial", "--says", "no", "--reviewer", "j"], "pii.email"),
    (["label", "smp_01jdb3k6y8v4m2n7q9r5s1t3w6", "--category", "pii.email", "--says", "no", "--reviewer", "j"], "no sample"),
    (["show", "smp_x\u001b[2J"], "no sample's id"), (["thresholds", "--category", "pii.card"], "no score"),
])
def test_mistakes_are_told(sampling, arguments, says):
    steward = sampling()
    run = steward.command("filter", "samples", *arguments, check=False)
    assert run.returncode not in (0, 70) and says in run.stderr and "\u001b" not in run.stderr


def test_a_key_that_is_none_is_refused_at_the_start(tmp_path):
    (tmp_path / "steward.yaml").write_text("samples: {key_env: K}\n")
    run = subprocess.run(
        [BINARY, "serve", "--data", tmp_path / "data", "--port", "0", "--desk-port", "0", "--telemetry-port", "0"],
        cwd=tmp_path, env={"K": "abc", "PATH": "/usr/bin"}, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and "64 hexadecimal digits" in run.stderr
