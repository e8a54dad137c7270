"""Closed loop: as many requests as each server takes."""

import statistics

from peers import ANSWER, BODY, PROXIES, Steward, Upstream, wrk
from report import Bars, checked, section, table, write

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
                    seen.setdefault((name, connections), []).append(
                        checked(wrk(peer, connections, threads, seconds), name))
            print(f"run {run + 1} of {runs}, {threads} thread{'s' if threads > 1 else ''} each", flush=True)
        return {
            key: {measure: statistics.median(sample[measure] for sample in samples) for measure in MEASURES}
            for key, samples in seen.items()
        }
    finally:
        for peer in peers.values():
            peer.stop()


def rows(medians):
    for connections in CONNECTIONS:
        for (name, own), sample in medians.items():
            if own == connections:
                yield [name, str(own), f"{sample['requests_per_s']:,.0f}", f"{sample['p50_us']:,.0f}",
                       f"{sample['p99_us']:,.0f}", f"{sample['cpu_us']:.1f}", f"{sample['resident_mb']:.0f}"]


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


def tell(results, seconds, runs):
    for threads, medians in results.items():
        head = ["", "connections", "requests/s", "p50 µs", "p99 µs", "CPU µs a request", "resident MB"]
        print(f"\n{threads} thread{'s' if threads > 1 else ''} each, medians of {runs} interleaved runs "
              f"of {seconds} s\n\n{table(head, rows(medians))}\n")
    for measure, values in ratios(results[1]).items():
        print(f"{measure}, 32 connections, one thread each: " + ", ".join(f"{k} {v}" for k, v in values.items()))


def run(folder, arguments, names, cores):
    results = {threads: compare(folder, names, threads, arguments.seconds, arguments.runs)
               for threads in dict.fromkeys([1, cores])}
    tell(results, arguments.seconds, arguments.runs)
    one, bars = results[1], Bars()
    found = ratios(one)
    if "steward/litellm" in found.get("requests_per_s", {}):
        bars.at_least("requests/s, times LiteLLM's", found["requests_per_s"]["steward/litellm"], 150)
    bars.tell()
    values = section(f"./scripts/bench --seconds {arguments.seconds} --runs {arguments.runs}", {
        "answer_bytes": len(ANSWER), "request_bytes": len(BODY),
        # One thread each, 32 connections.
        "cpu_us": by_peer(one, "cpu_us"), "requests_per_s": by_peer(one, "requests_per_s"),
        "p50_us": by_peer(one, "p50_us"), "p99_us": by_peer(one, "p99_us"),
        "resident_mb": by_peer(one, "resident_mb"), "ratios": found, "bars": bars.all,
        "measurements": [
            {"threads": threads, "peer": name, "connections": connections,
             **{measure: round(value, 2) for measure, value in sample.items()}}
            for threads, medians in results.items() for (name, connections), sample in medians.items()],
    })
    if not arguments.quick:
        write("closed_loop", values)


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
        files = sum(path.is_file() for path in (steward.folder / "data").rglob("*"))
        print(f"\nLast: {sizes[-1]:.1f} MB; growth over the last two thirds: {growth:+.1f} MB; {files} files in the data folder.")
        return 0 if sizes[-1] < 150 and growth < 15 else 1
    finally:
        steward.stop()
        upstream.stop()
