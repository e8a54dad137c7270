"""What a draft would change, told before it is switched on."""

import json
import subprocess

import pytest
from harness import BINARY, wait_until

CARD, OTHER = "4111 1111 1111 1111", "4012888888881881"
DRAFT = {
    "allowed": [{"text": CARD, "rules": ["pii/card-number"], "owner": "jane", "expires": "2099-01-01", "reason": "Test."}],
    "shadow": [{"rule": "pii/email", "owner": "jane", "reason": "Tried out."}],
}
TEXTS = [
    {"id": "a", "text": f"Pay {CARD}.", "group": "shop", "label": 1}, {"id": 2, "text": f"Pay {OTHER}.", "group": "shop"},
    {"id": 3, "text": "Ask bob@example.org.", "role": "assistant", "group": "desk"}, {"id": 4, "text": "Good morning."},
]


@pytest.fixture
def draft(tmp_path):
    path = tmp_path / "draft.yaml"
    path.write_text(json.dumps(DRAFT))
    return path


def simulate(*arguments, texts=TEXTS, cwd=None):
    return subprocess.run(
        [BINARY, "filter", "simulate", *arguments], input="\n".join(json.dumps(text) for text in texts), text=True,
        capture_output=True, timeout=120, cwd=cwd)


def test_changes_of_texts_are_told_by_clause_group_and_label(draft, tmp_path):
    run = simulate("--policy", draft, "--changes", tmp_path / "changes.jsonl", "--json", cwd=tmp_path)
    report = json.loads(run.stdout)
    assert (report["judged"], report["changed"], report["with_text"]) == (4, 2, 1)
    assert [(c["group"], c["label"], c["side"], c["before"], c["after"]) for c in report["changes"]] == [
        ("desk", "", "completion", "flag", "allow"), ("shop", "1", "prompt", "redact", "allow")]
    groups = {(group["group"], group["label"]): group for group in report["groups"]}
    assert groups["shop", ""]["after"] == {"redact": 1} and groups["", ""]["before"] == {"allow": 1}
    changes = [json.loads(line) for line in (tmp_path / "changes.jsonl").read_text().splitlines()]
    assert sorted(str(change["id"]) for change in changes) == ["3", "a"]


def test_the_order_of_thousands_does_not_matter(draft, tmp_path):
    run = simulate("--policy", draft, "--json", texts=TEXTS * 500, cwd=tmp_path)
    assert json.loads(run.stdout)["changed"] == 1000


def test_records_are_judged_anew_as_far_as_they_say_what_was_found(make_steward, draft, tmp_path):
    steward = make_steward()
    # Redacted on one side, flagged on the other.
    steward.chat(f"Pay {OTHER}.", "violation=email")
    assert wait_until(lambda: len(steward.records()) == 1, 10, 0.2)
    shadow = tmp_path / "shadow.yaml"
    shadow.write_text(json.dumps({"shadow": [
        {"rule": rule, "owner": "jane", "reason": "Tried out."} for rule in ("pii/card-number", "pii/email")]}))
    for file, changed in [(draft, {("completion", "flag", "allow")}),
                          (shadow, {("completion", "flag", "allow"), ("prompt", "redact", "allow")})]:
        report = json.loads(steward.command("filter", "simulate", "--policy", file, "--records", "100", "--json").stdout)
        assert (report["judged"], report["with_text"]) == (2, 0)
        assert {(c["side"], c["before"], c["after"]) for c in report["changes"]} == changed
        assert all(change["clause"] == "privacy" for change in report["changes"])
    assert "None of it has its text any more" in steward.command(
        "filter", "simulate", "--policy", draft, "--records", "100").stdout


def test_what_can_not_be_simulated_is_said(draft, tmp_path):
    assert "Name a draft" in simulate(cwd=tmp_path).stderr
    bad = tmp_path / "bad.yaml"
    bad.write_text('{"shadow": [{"rule": "pii/nothing", "owner": "jane", "reason": "x"}]}')
    run = simulate("--policy", bad, cwd=tmp_path)
    assert run.returncode != 0 and "There is no rule `pii/nothing`" in run.stderr
    run = simulate("--policy", draft, texts=[{"id": 1}], cwd=tmp_path)
    assert "1 of 1 lines are no texts" in run.stderr and "0 judged" in run.stdout
    # Never in the place of something else, such as the draft.
    for path in ("/nowhere/file", draft, "/dev/full"):
        run = simulate("--policy", draft, "--changes", path, cwd=tmp_path)
        assert run.returncode != 0 and "can't be made" in run.stderr
    assert json.loads(draft.read_text()) == DRAFT
