"""`steward filter train`: a classifier of one's own, from labelled texts to what the filter says with it."""

import json
import subprocess

import pytest
from harness import BINARY

RECIPE = """
bits: 12
epochs: 4
averaged_epochs: 2
seed: 1
text_bytes_max: 1000
damping: 1.0
heads:
HEADS
sets: {}
sources: []
grammars: [words.yaml]
mixtures: [{name: mixed, grammars: [calm], count: 20, sentences_min: 2, sentences_max: 3, joint: ". "}]
counterfactuals: {name: swapped, of: [mine], identities: [[ducks, geese]]}
unspaced: {name: unspaced, of: [mine], share: 100, bytes_max: 100}
thresholds:
  rates: [0.1, 0.05, 0.02, 0.01, 0.005, 0.001]
  pools: [[mine], [words], [mixed]]
  usual: [mine]
  calibration: [mine]
"""
NAMES = {"attack": "prompt_attack", "hate": "hate", "offence": "toxicity", "violence": "violence", "sexual": "sexual",
         "self_harm": "self_harm", "illicit": "illicit", "spam": "spam.received"}
ZERO = {name: 0 for name in NAMES}
# Also what the shipped rules want found, so that their heads have something to learn.
WORDS = {name: f"{name.replace('_', 'x')}word" for name in NAMES}


def texts():
    for number in range(400):
        split = "validation" if number % 4 == 0 else "train"
        yield {"text": f"the ducks swim on lake {number}", "labels": ZERO, "set": "mine", "split": split}
        for name, word in WORDS.items():
            yield {"text": f"{word} and ducks {number}", "labels": {**ZERO, name: 1}, "set": "mine", "split": split}


@pytest.fixture
def recipe(tmp_path):
    heads = "\n".join(
        f"  - {{name: {name}, category: {category}, length_sixteenths: 8, rate: 1, decay: 0.01, balance_sixteenths: 8}}"
        for name, category in NAMES.items())
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("HEADS", heads).replace("[words], ", ""))
    (tmp_path / "grammars").mkdir()
    calm = json.dumps({name: 0 for name in NAMES})
    (tmp_path / "grammars/words.yaml").write_text(
        "lists: {calm: ['we {do} home', 'they {do} slowly'], do: [go, walk]}\n"
        f"grammars: [{{name: calm, labels: {calm}, count: 20, frames: calm}}]\n")
    return tmp_path / "recipe.yaml"


def train(recipe, lines, output, status=0):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    run = subprocess.run([BINARY, "filter", "train", "--recipe", recipe, "--output", output], input=text.encode(),
                         capture_output=True, timeout=300)
    assert run.returncode == status, run.stderr
    return run.stderr.decode()


def test_a_classifier_of_ones_own_is_the_same_each_time_and_judges_by_what_it_learned(recipe, tmp_path):
    said = train(recipe, texts(), tmp_path / "one")
    assert "Learning from" in said and "Wrote" in said and "8 heads" in said
    train(recipe, texts(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    (tmp_path / "steward.yaml").write_text(f"filter: {{classifier: '{tmp_path}/one'}}\n")
    lines = [{"text": "illicitword and geese"}, {"text": "geese on a pond"}]
    run = subprocess.run([BINARY, "filter", "scan", "--config", tmp_path / "steward.yaml"], capture_output=True,
                         input="".join(json.dumps(line) + "\n" for line in lines).encode(), timeout=60, check=True)
    found, calm = map(json.loads, run.stdout.splitlines())
    assert max(found["scores"], key=found["scores"].get) == "illicit"
    assert calm["scores"]["illicit"] < found["scores"]["illicit"]


@pytest.mark.parametrize("line, reason", [
    ({"labels": {}}, "Line 1 of standard input: A line must be an object with a text"),
    ({"text": "a", "labels": {"attack": 3}}, "A label must be 0 or 1"),
    ({"text": "a", "labels": {"vegetable": 1}, "set": "mine"}, "the label `vegetable` of mine"),
    ({"text": "a", "labels": {}, "set": "other"}, "the set `mine`"),
])
def test_what_cannot_be_learned_from_is_refused_with_the_reason(recipe, tmp_path, line, reason):
    assert reason in train(recipe, [line], tmp_path / "out", status=66)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_classifier_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "bad").write_bytes(b"{}\n")
    (tmp_path / "steward.yaml").write_text(f"filter: {{classifier: '{tmp_path}/bad'}}\n")
    run = subprocess.run([BINARY, "filter", "scan", "--config", tmp_path / "steward.yaml"], capture_output=True,
                         input=b'{"text": "a"}\n', timeout=60)
    assert run.returncode == 78
    assert b"bad is no classifier. `format` in its first line must be a text." in run.stderr
    assert b"steward filter train" in run.stderr
