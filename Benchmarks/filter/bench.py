"""Measures the filter on public sets and writes Benchmarks/filter.json and the documentation's tables.

    bench.py STEWARD SPEED DATA [--quick | --quality | --tables] [--before]
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "Classifier"))

import coverage  # noqa: E402
import fairness  # noqa: E402
import peers  # noqa: E402
import quality  # noqa: E402
import report  # noqa: E402
import selftest  # noqa: E402
import spans  # noqa: E402

DOCUMENT = TOP / "docs/reference/content-filter-quality.md"
FIGURES = TOP / "Benchmarks/filter.json"
BEGIN, END = "<!-- figures: scripts/bench-filter writes these -->\n", "<!-- end of figures -->\n"
PEERS = ("presidio", "detect_secrets", "peers", "speed", "prose")
# Of a piece of prose.
PIECE = 4_090


def say(text):
    print(text, file=sys.stderr, flush=True)


def lines(measured, *sets):
    texts = [" ".join(t.text.split()) for t in measured.tests if t.set in sets]
    random.Random(1).shuffle(texts)
    return texts


def short(measured):
    """Prompts, chats and reviews, each in one line."""
    return lines(measured, "chats", "benign_instructions", "reviews", "moderation")


def prose(measured):
    """English movie reviews of ASCII, one behind the other, in pieces of four kilobytes."""
    text = " ".join(text for text in lines(measured, "reviews") if text.isascii())
    return [text[start:start + PIECE] for start in range(0, len(text) - PIECE, PIECE)]


def speed(program, texts, rounds):
    """What two megabytes of texts take."""
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


def now():
    """The commit that is measured, and the day. A program that was given may be of another than what lies here."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=9"], cwd=TOP, stdout=subprocess.PIPE, text=True
    )
    given = ", with a program that was given" if os.environ.get("STEWARD_BINARY") else ""
    return {"commit": done.stdout.strip() + given, "date": datetime.date.today().isoformat()}


def judged(arguments, measured):
    """How well it judges."""
    result = {"quality": quality.measure(measured, say)}
    say("  groups and a dialect …")
    result["quality"]["groups"] = fairness.groups(measured)
    result["quality"]["dialect"] = fairness.dialect(measured)
    say("Personal data and secrets …")
    result["personal"] = spans.personal(arguments.steward, arguments.data)
    result["secrets"] = spans.secrets(arguments.steward, arguments.data)
    result["coverage"] = coverage.measure(result, measured)
    return result


def compared(arguments, measured):
    """How fast it is, and what others do."""
    say("Peers …")
    result = {
        "presidio": peers.presidio(arguments.data), "detect_secrets": peers.detect_secrets(arguments.data),
        "peers": peers.toxicity(measured),
    }  # fmt: skip
    say("Speed …")
    rounds = 1 if arguments.quick else 5
    return {
        **result, "speed": speed(arguments.speed, short(measured), rounds),
        "prose": speed(arguments.speed, prose(measured), rounds),
    }  # fmt: skip


def read_arguments():
    parser = argparse.ArgumentParser()
    for name in ("steward", "speed", "data"):
        parser.add_argument(name)
    for name in ("quick", "quality", "tables", "before", "self-test"):
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    if arguments.self_test:
        raise SystemExit(selftest.run())
    former = json.loads(FIGURES.read_text())
    if arguments.tables:
        return write(report.tables(former))
    say("Scanning the sets …")
    measured = quality.Quality(arguments.steward, arguments.data)
    result = {"measured": {**former["measured"], "quality": now()}, **judged(arguments, measured)}
    if arguments.quality:
        result.update({name: former[name] for name in PEERS})
    else:
        result.update(compared(arguments, measured))
        result["measured"]["speed"] = now()
    result["groups_before"] = former.get("groups_before")
    if arguments.before:
        say("Training without copies that name other groups …")
        result["groups_before"] = fairness.groups_before(measured, arguments.data)
        result["measured"]["groups_before"] = now()
    tables = report.tables(result)
    print(tables)
    if arguments.quick:
        return
    FIGURES.write_text(json.dumps(result, indent=1) + "\n")
    write(tables)


def write(tables):
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + tables + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
