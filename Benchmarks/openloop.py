"""Open loop: what a gateway adds to answers of a model that takes its time, when requests come whatever it does."""

import json
import statistics

from peers import BODY, PROXIES, wrk
from report import Bars, checked, section, table, write
from wire import Model, NotSustained, rate_load

DELAY_MS = 5
# So many that the model's time is no bound.
CONNECTIONS = 256
MEASURES = ("per_second", "answers_p50_us", "answers_p90_us", "answers_p99_us", "in_flight_max", "cpu_us")


def measure(folder, names, seconds, runs):
    """The rate, and medians by peer of interleaved runs at it; `direct` is the model itself."""
    model = Model(folder, delay_ms=DELAY_MS)
    peers = {"direct": model}
    try:
        model.start()
        for name in names:
            peers[name] = PROXIES[name](folder, 1, model)
            peers[name].start()
        wrk(peers["steward"], CONNECTIONS, 1, 1)
        most = statistics.median(
            wrk(peers["steward"], CONNECTIONS, 1, seconds)["requests_per_s"] for _ in range(min(3, runs)))
        seen = {}
        for run in range(runs):
            for name, peer in list(peers.items()):
                try:
                    sample = rate_load(peer, model.program, round(most / 2), seconds, json.loads(BODY))
                except NotSustained as complaint:
                    if name in ("direct", "steward"):
                        raise
                    print(f"{complaint}; it is left out.")
                    peers.pop(name).stop()
                    seen.pop(name, None)
                    continue
                sample["cpu_us"] = sample["cpu_s"] * 1e6 / (sample["per_second"] * seconds)
                seen.setdefault(name, []).append(checked(sample, name))
            print(f"run {run + 1} of {runs}, {most / 2:,.0f} requests/s", flush=True)
        medians = {name: {measure: statistics.median(sample[measure] for sample in samples) for measure in MEASURES}
                   for name, samples in seen.items()}
        for sample in medians.values():
            for part in ("p50", "p90", "p99"):
                sample[f"added_{part}_us"] = sample[f"answers_{part}_us"] - medians["direct"][f"answers_{part}_us"]
        return most, medians
    finally:
        for peer in peers.values():
            peer.stop()


def run(folder, arguments, names, _):
    names = [name for name in names if name != "litellm"]
    if "steward" not in names:
        raise SystemExit("The rate is half of what Steward can do, so it must be among them.")
    most, medians = measure(folder, names, arguments.seconds, arguments.runs)
    head = ["", "requests/s", "p50 µs", "p99 µs", "added p50 µs", "added p90 µs", "added p99 µs", "CPU µs a request"]
    rows = [[name, f"{s['per_second']:,.0f}", f"{s['answers_p50_us']:,.0f}", f"{s['answers_p99_us']:,.0f}",
             f"{s['added_p50_us']:,.0f}", f"{s['added_p90_us']:,.0f}", f"{s['added_p99_us']:,.0f}", f"{s['cpu_us']:.1f}"]
            for name, s in medians.items()]
    print(f"\nA model of {DELAY_MS} ms, half of the {most:,.0f} requests/s that Steward can do, one thread each, medians of "
          f"{arguments.runs} interleaved runs\n\n{table(head, rows)}\n")
    bars = Bars()
    bars.at_most("added p50, ms", medians["steward"]["added_p50_us"] / 1e3, 0.3)
    bars.at_most("added p99, ms", medians["steward"]["added_p99_us"] / 1e3, 1)
    bars.tell()
    values = section(f"./scripts/bench latency --seconds {arguments.seconds} --runs {arguments.runs}", {
        "delay_ms": DELAY_MS, "closed_loop_max_per_s": round(most, 1),
        "peers": {name: {key: round(value, 2) for key, value in sample.items()} for name, sample in medians.items()},
        "bars": bars.all})
    if not arguments.quick:
        write("open_loop", values)
