"""Measures the filter on public sets and writes Benchmarks/filter.json and the documentation's table.

    bench.py STEWARD SPEED DATA [--quick]
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "Classifier"))

import peers  # noqa: E402
import quality  # noqa: E402
import report  # noqa: E402
import spans  # noqa: E402

DOCUMENT = TOP / "docs/reference/content-filter-quality.md"
BEGIN, END = "<!-- figures: scripts/bench-filter writes these -->\n", "<!-- end of figures -->\n"


def speed(program, measured, rounds):
    """Two megabytes of prompts, chats and reviews, each in one line."""
    texts = [" ".join(t.text.split()) for t in measured.tests if t.set in ("chats", "benign_instructions", "reviews", "moderation")]
    random.Random(1).shuffle(texts)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        size = 0
        for text in texts:
            file.write(text + "\n")
            size += len(text)
            if size > 2_000_000:
                break
        file.flush()
        done = subprocess.run([program, file.name, str(rounds)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def commit():
    return subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=9"], cwd=TOP, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def main():
    steward, program, data = sys.argv[1:4]
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    say("Scanning the sets …")
    measured = quality.Quality(steward, data)
    result = {"commit": commit(), "quality": quality.measure(measured, say)}
    say("Personal data and secrets …")
    result["personal"] = spans.personal(steward, data)
    result["secrets"] = spans.secrets(steward, data)
    say("Peers …")
    result["presidio"] = peers.presidio(data)
    result["detect_secrets"] = peers.detect_secrets(data)
    result["peers"] = peers.toxicity(measured)
    say("Speed …")
    result["speed"] = speed(program, measured, 1 if "--quick" in sys.argv else 5)
    tables = report.tables(result)
    print(tables)
    if "--quick" in sys.argv:
        return
    (TOP / "Benchmarks/filter.json").write_text(json.dumps(result, indent=1) + "\n")
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + tables + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
