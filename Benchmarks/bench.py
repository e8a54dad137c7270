"""Runs what scripts/bench describes."""

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path

from peers import ANSWER, BODY, PROXIES, Steward, Upstream, wrk

CONNECTIONS = (1, 32)
MEASURES = ("requests_per_s", "p50_us", "p99_us", "cpu_us", "resident_mb")


def compare(folder, names, threads, seconds, runs):
    """Medians by peer and connections, of runs that are interleaved so that a slow moment hits all alike."""
    upstream = Upstream(folder, threads, None)
    peers = {"upstream": upstream}
    try:
        upstream.start()
        for name in names:
            peers[name] = PROXIES[name](folder, threads, upstream)
            peers[name].start()
        for peer in peers.values():
            wrk(peer, 32, threads, 1)
        seen = {}
        for run in range(runs):
            for name, peer in peers.items():
                for connections in CONNECTIONS:
                    seen.setdefault((name, connections), []).append(wrk(peer, connections, threads, seconds))
            print(f"run {run + 1} of {runs}, {threads} thread{'s' if threads > 1 else ''} each", flush=True)
        return {
            key: {measure: statistics.median(sample[measure] for sample in samples) for measure in MEASURES}
            for key, samples in seen.items()
        }
    finally:
        for peer in peers.values():
            peer.stop()


def table(medians):
    rows = ["| | connections | requests/s | p50 µs | p99 µs | CPU µs a request | resident MB |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for connections in CONNECTIONS:
        for (name, own), sample in medians.items():
            if own == connections:
                rows.append(
                    f"| {name} | {own} | {sample['requests_per_s']:,.0f} | {sample['p50_us']:,.0f} | "
                    f"{sample['p99_us']:,.0f} | {sample['cpu_us']:.1f} | {sample['resident_mb']:.0f} |")
    return "\n".join(rows)


def by_peer(medians, measure, connections=32):
    return {name: round(sample[measure], 2) for (name, own), sample in medians.items() if own == connections}


def ratios(medians):
    """Steward's CPU time and throughput over each peer's, at 32 connections."""
    if ("steward", 32) not in medians:
        return {}
    found = {}
    for measure in ("cpu_us", "requests_per_s"):
        values = by_peer(medians, measure)
        found[measure] = {f"steward/{name}": round(values["steward"] / value, 3)
                          for name, value in values.items() if name not in ("steward", "upstream") and value}
    return found


def report(results, arguments, cores):
    one = results[1]
    document = {
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": f"./scripts/bench --seconds {arguments.seconds} --runs {arguments.runs}",
        "machine": {"cores": cores, "kernel": platform.release(), "processor": processor()},
        "answer_bytes": len(ANSWER), "request_bytes": len(BODY),
        # One thread each, 32 connections.
        "cpu_us": by_peer(one, "cpu_us"), "requests_per_s": by_peer(one, "requests_per_s"),
        "p50_us": by_peer(one, "p50_us"), "p99_us": by_peer(one, "p99_us"),
        "resident_mb": by_peer(one, "resident_mb"), "ratios": ratios(one),
        "measurements": [
            {"threads": threads, "peer": name, "connections": connections,
             **{measure: round(value, 2) for measure, value in sample.items()}}
            for threads, medians in results.items() for (name, connections), sample in medians.items()],
    }
    for threads, medians in results.items():
        print(f"\n{threads} thread{'s' if threads > 1 else ''} each, medians of {arguments.runs} interleaved runs "
              f"of {arguments.seconds} s\n\n{table(medians)}\n")
    for measure, values in ratios(one).items():
        print(f"{measure}, 32 connections, one thread each: " + ", ".join(f"{k} {v}" for k, v in values.items()))
    return document


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def soak(folder, requests, seconds):
    """Whether memory stays flat: resident size after each tenth of the requests."""
    upstream = Upstream(folder, 1, None)
    steward = Steward(folder, 1, upstream)
    try:
        upstream.start()
        steward.start()
        print("| requests | resident MB | requests/s | CPU µs a request |\n| ---: | ---: | ---: | ---: |")
        done, sizes, tenth = 0, [], 1
        while done < requests:
            sample = wrk(steward, 32, 1, seconds)
            done += sample["requests"]
            if done >= requests * tenth / 10:
                tenth = done * 10 // requests + 1
                sizes.append(sample["resident_mb"])
                print(f"| {done:,} | {sizes[-1]:.1f} | {sample['requests_per_s']:,.0f} | {sample['cpu_us']:.1f} |", flush=True)
        # The first tenths fill pools, caches and the store's pages.
        growth = sizes[-1] - statistics.median(sizes[len(sizes) // 3:len(sizes) // 3 + 3])
        records = len(list((steward.folder / "data").rglob("*")))
        print(f"\nLast: {sizes[-1]:.1f} MB; growth over the last two thirds: {growth:+.1f} MB; {records} files in the data folder.")
        return 0 if sizes[-1] < 150 and growth < 15 else 1
    finally:
        steward.stop()
        upstream.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--with-litellm", action="store_true")
    parser.add_argument("--soak", type=int)
    parser.add_argument("--only", default="nginx,envoy,steward")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds, arguments.runs = 1, 1
    # The upstream is always measured.
    names = [name for name in arguments.only.split(",") if name != "upstream"]
    if unknown := [name for name in names if name not in PROXIES]:
        parser.error(f"there is no {', '.join(unknown)} to compare with; there are {', '.join(PROXIES)}")
    if arguments.with_litellm and "litellm" not in names:
        names.append("litellm")
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        os.chmod(folder, 0o755)
        if arguments.soak:
            raise SystemExit(soak(folder, arguments.soak, max(2, arguments.seconds)))
        results = {threads: compare(folder, names, threads, arguments.seconds, arguments.runs)
                   for threads in dict.fromkeys([1, cores])}
    document = report(results, arguments, cores)
    if not arguments.quick:
        path = Path(__file__).parent / "latest.json"
        path.write_text(json.dumps(document, indent=2) + "\n")
        print(f"\nWritten to {path}.")


if __name__ == "__main__":
    main()
