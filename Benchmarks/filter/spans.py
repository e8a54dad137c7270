"""How exactly personal data and secrets are found: sets whose labels are places in a text, or whether there is a secret."""
import gzip
import json
import pathlib

from scan import Scan

# Types of the set that have a checksum or a fixed form, and what we call them.
FIXED = {
    "CREDIT_CARD": "pii.card", "IBAN_CODE": "pii.iban", "US_SSN": "pii.national_id", "EMAIL_ADDRESS": "pii.email",
}  # fmt: skip
LOOSE = {"PHONE_NUMBER": "pii.phone"}


def _lines(data, path):
    with gzip.open(pathlib.Path(data) / "filter" / path, "rt") as file:
        return [json.loads(line) for line in file]


def load_personal(data):
    return _lines(data, "pii-presidio/pii-shared70.jsonl.gz")


def load_secrets(data):
    return _lines(data, "secrets/secret_examples.jsonl.gz")


def compare(texts, found, types):
    """Counts of spans found exactly, of findings that are none, and of spans missed, by type.

    `found` has for each text pairs of a type and a range of characters.
    """
    rows = {}
    for name in types:
        right = wrong = missed = 0
        for text, findings in zip(texts, found):
            spans = {(span["start"], span["end"]) for span in text["spans"] if span["type"] == name}
            seen = {(start, end) for kind, start, end in findings if kind == name}
            right += len(spans & seen)
            wrong += len(seen - spans)
            missed += len(spans - seen)
        rows[name] = summary(right, wrong, missed)
    return rows


def summary(right, wrong, missed):
    precision = right / (right + wrong) if right + wrong else None
    recall = right / (right + missed) if right + missed else None
    f1 = 2 * right / (2 * right + wrong + missed) if right + wrong + missed else None
    return {"n": right + missed, "precision": precision, "recall": recall, "f1": f1}


def personal(steward, data):
    texts = load_personal(data)
    # Of what is said by a model, policy reports every kind.
    scan = Scan(steward, [text["text"] for text in texts], roles=["assistant"] * len(texts))
    names = {ours: name for name, ours in {**FIXED, **LOOSE}.items()}
    found = [
        [(names[f["category"]], f["start"], f["end"]) for f in answer["findings"] if f["category"] in names]
        for answer in scan.answers
    ]
    rows = compare(texts, found, [*FIXED, *LOOSE])
    rows["fixed form"] = together(rows, FIXED)
    return rows


def together(rows, types):
    """All types at once, each span counted alike."""
    right = sum(round((rows[t]["recall"] or 0) * rows[t]["n"]) for t in types)
    missed = sum(rows[t]["n"] for t in types) - right
    wrong = sum(
        round(round((rows[t]["recall"] or 0) * rows[t]["n"]) * (1 / rows[t]["precision"] - 1))
        for t in types if rows[t]["precision"]
    )  # fmt: skip
    return summary(right, wrong, missed)


def secrets(steward, data):
    texts = load_secrets(data)
    scan = Scan(steward, [text["text"] for text in texts], roles=["assistant"] * len(texts))
    return judge_secrets(texts, scan.found("secret"))


def judge_secrets(texts, found):
    right = sum(1 for text, is_found in zip(texts, found) if text["label"] == 1 and is_found)
    wrong = sum(1 for text, is_found in zip(texts, found) if text["label"] == 0 and is_found)
    return summary(right, wrong, sum(text["label"] == 1 for text in texts) - right)
