"""The stages of the request path alone: in process, with no socket at either end."""

import json
import os
import random
import re
import subprocess
from pathlib import Path

from peers import ANSWER, TEXT
from report import Bars, checked, section, table, write

# Bytes of the prompt, and how many requests of that size.
SIZES = {1024: 20_000, 16 * 1024: 4_000, 1024 * 1024: 40}
# Nanoseconds that each step may take at 1 KB. Told, not tested.
ALLOWED_NS = {"head": 1_500, "authenticate": 1_500, "parse": 3_000, "admit": 300, "limit": 700, "budget": 300, "screen": 3_500,
              "record": 700, "forward": 2_500, "receive": 1_800, "judge": 2_500, "settle": 1_500, "answer": 1_500}


def request(size):
    """A chat request whose messages have so many bytes of prose, no two sentences alike; the same each time."""
    chance, words = random.Random(size), TEXT.split()
    # Every sentence has more than 24 bytes.
    prompt = " ".join(" ".join(chance.sample(words, 12)) for _ in range(size // 24 + 1))[:size]
    turns = [prompt[start:start + 4096] for start in range(0, len(prompt), 4096)]
    messages = [{"role": "user" if index % 2 == 0 else "assistant", "content": turn} for index, turn in enumerate(turns)]
    return json.dumps({"model": "bench", "max_tokens": 64, "temperature": 0.5, "messages": messages}, separators=(",", ":"))


def event(token):
    """An event as the model of Wire/ sends it."""
    choice = {"index": 0, "delta": {"content": token}, "logprobs": None, "finish_reason": None}
    body = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1764547200, "model": "bench",
            "system_fingerprint": "fp_bench", "choices": [choice]}
    return f"data: {json.dumps(body, separators=(',', ':'))}\n\n"


def command(folder, sizes):
    folder.mkdir()
    (folder / "answer").write_text(ANSWER)
    (folder / "events").write_text("".join(event(token) for token in re.findall(r" ?\S+", TEXT * 3)))
    arguments = []
    for size, count in sizes.items():
        (folder / str(size)).write_text(request(size))
        arguments.append(f"{folder / str(size)}={count}")
    return [os.environ["PATH_BINARY"], str(folder / "store"), str(folder / "answer"), str(folder / "events"), *arguments]


def measure(folder, sizes):
    counter = Path(folder) / "allocations.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", counter,
                    Path(__file__).parent / "allocations.c", "-ldl"], check=True)
    # Counting costs time, so times and allocations are taken by different runs.
    timed = answer_of(command(Path(folder) / "timed", sizes), {})
    fewer = {size: max(1, count // 20) for size, count in sizes.items()}
    counted = answer_of(command(Path(folder) / "counted", fewer), {"LD_PRELOAD": str(counter)})
    timed["chunk"]["allocations"] = round(counted["chunk"]["allocations"], 2)
    for one, other in zip(timed["prompts"], counted["prompts"]):
        for step, with_count in zip(one["steps"], other["steps"]):
            step["allocations"] = round(with_count["allocations"], 2)
            checked(step, f"{one['body_bytes']} bytes, {step['step']}")
        if not sum(step["allocations"] for step in one["steps"]):
            raise SystemExit("No step asked for memory: the counter was not loaded.")
    return timed


def answer_of(arguments, more):
    run = subprocess.run(arguments, env=os.environ | more, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{arguments[0]} ended with {run.returncode}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)


def instructions(folder, size):
    """Instructions a request, of all threads: what some more requests take more. `None` without valgrind."""
    try:
        few, more = (counted_by_valgrind(Path(folder) / f"valgrind-{count}", {size: count}) for count in (64, 1088))
    except FileNotFoundError:
        return None
    # A tenth more go first, in whole batches of 32.
    return round((more - few) / (1088 + 1088 // 10 // 32 * 32 - 64 - 64 // 10 // 32 * 32))


def counted_by_valgrind(folder, sizes):
    _, *arguments = command(folder, sizes)
    # valgrind gives up at debugging information that it does not know.
    program = folder / "program"
    subprocess.run(["strip", "-g", "-o", program, os.environ["PATH_BINARY"]], check=True)
    run = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", program, *arguments],
                         capture_output=True, text=True)
    found = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if run.returncode or not found:
        raise SystemExit(f"valgrind ended with {run.returncode}: {run.stderr[-2000:]}")
    return int(found.group(1).replace(",", ""))


def run(folder, arguments, _, __):
    sizes = {size: max(2, count // 50) for size, count in SIZES.items()} if arguments.quick else SIZES
    measured = measure(folder, sizes)
    results, chunk = measured["prompts"], measured["chunk"]
    head = ["step"] + [f"{size // 1024:,} KB, µs" for size in sizes] + ["allowed at 1 KB, µs", "allocations at 1 KB"]
    rows = []
    for index, step in enumerate(results[0]["steps"]):
        allowed = ALLOWED_NS[step["step"]]
        rows.append([step["step"], *(f"{result['steps'][index]['ns'] / 1e3:,.2f}" for result in results),
                     f"{allowed / 1e3:.1f}{' (over)' if step['ns'] > allowed else ''}", f"{step['allocations']:.1f}"])
    rows.append(["**sum**", *(f"{result['sum_ns'] / 1e3:,.2f}" for result in results), f"{sum(ALLOWED_NS.values()) / 1e3:.1f}",
                 f"{sum(step['allocations'] for step in results[0]['steps']):.1f}"])
    print(f"\nMedians of {', '.join(f'{count:,}' for count in sizes.values())} requests\n\n{table(head, rows)}\n")
    print(f"A chunk of a stream, read, judged and written: {chunk['ns'] / 1e3:.2f} µs, {chunk['allocations']:.1f} allocations\n")
    values = {"allowed_ns": ALLOWED_NS} | measured
    if arguments.instructions:
        values["instructions_at_1_kb"] = instructions(folder, 1024)
        print(f"Instructions a request of 1 KB, all threads: {values['instructions_at_1_kb']:,}")
    bars = Bars()
    bars.at_most("all stages at 1 KB, µs", results[0]["sum_ns"] / 1e3, 20)
    bars.tell()
    if not arguments.quick:
        write("path", section("./scripts/bench path", values | {"bars": bars.all}))
