"""Streams: what a gateway adds to each token, and what a chunk and a stream cost it."""

import statistics

from peers import PROXIES
from report import Bars, checked, section, table, write
from wire import Model, stream_load

STREAMS, TOKENS_PER_S = 200, 50
# Many streams that are quiet most of the time, for their memory.
MANY, QUIET_TOKENS_PER_S = 1000, 5
MEASURES = ("tokens", "events_p50_us", "events_p99_us", "tokens_p50_us", "tokens_p99_us", "held", "held_p50_us", "held_p99_us",
            "cpu_us")


def paced(folder, names, streams, seconds, runs):
    """Medians by peer of interleaved runs; `direct` is the model itself, which all others are held against."""
    model = Model(folder, tokens_per_s=TOKENS_PER_S)
    peers = {"direct": model}
    try:
        model.start()
        for name in names:
            peers[name] = PROXIES[name](f"{folder}/paced", 1, model)
            peers[name].start()
        seen = {}
        for run in range(runs):
            for name, peer in peers.items():
                sample = stream_load(peer, model, streams, seconds)
                if name == "direct" and sample["held"] > 0.01 * sample["tokens"]:
                    raise SystemExit("The model itself falls behind: this machine is too slow or too busy for that.")
                seen.setdefault(name, []).append(checked(sample, name))
            print(f"run {run + 1} of {runs}, {streams} streams", flush=True)
        medians = {name: {measure: statistics.median(sample[measure] for sample in samples) for measure in MEASURES}
                   for name, samples in seen.items()}
        for sample in medians.values():
            for part in ("p50", "p99"):
                sample[f"added_{part}_us"] = sample[f"events_{part}_us"] - medians["direct"][f"events_{part}_us"]
            sample["held_share"] = sample["held"] / sample["tokens"]
        return medians
    finally:
        for peer in peers.values():
            peer.stop()


def sustained_by_litellm(folder, seconds, runs):
    """All at the most streams, of these numbers, at which LiteLLM's tokens come before the next ones are sent."""
    for streams in (20, 10, 5, 2):
        medians = paced(f"{folder}/with-litellm-{streams}", ["envoy", "steward", "litellm"], streams, seconds, runs)
        if medians["litellm"]["held_share"] < 0.01:
            return streams, medians
        print(f"LiteLLM sustains no {streams} streams: {medians['litellm']['held_share']:.1%} of its tokens came late.")
    raise SystemExit("LiteLLM sustains not even two streams.")


def memory(folder, name, seconds):
    """KB that a stream takes: of a fresh process which has served a few, and which then has many."""
    model = Model(f"{folder}/{name}", tokens_per_s=QUIET_TOKENS_PER_S)
    peer = PROXIES[name](f"{folder}/{name}", 1, model)
    try:
        model.start()
        peer.start()
        stream_load(peer, model, 10, 1)
        before = peer.resident_bytes()
        after = stream_load(peer, model, MANY, seconds, spread_s=4)
        return checked({"before_mb": before / 1e6, "with_streams_mb": after["resident_bytes"] / 1e6,
                        "kb_a_stream": (after["resident_bytes"] - before) / 1024 / MANY}, name)
    finally:
        peer.stop()
        model.stop()


def tell(title, medians):
    head = ["", "event p50 µs", "event p99 µs", "added p50 µs", "added p99 µs", "CPU µs a chunk", "tokens held back",
            "held p50 ms", "held p99 ms"]
    rows = [[name, f"{s['events_p50_us']:,.0f}", f"{s['events_p99_us']:,.0f}", f"{s['added_p50_us']:,.0f}",
             f"{s['added_p99_us']:,.0f}", f"{s['cpu_us']:.1f}", f"{s['held_share']:.1%}", f"{s['held_p50_us'] / 1e3:.1f}",
             f"{s['held_p99_us'] / 1e3:.1f}"] for name, s in medians.items()]
    print(f"\n{title}\n\n{table(head, rows)}\n")


def run(folder, arguments, names, _):
    names = [name for name in names if name in ("envoy", "steward")]
    medians = paced(folder, names, STREAMS, arguments.seconds, arguments.runs)
    tell(f"{STREAMS} streams of {TOKENS_PER_S} tokens/s, one thread each, medians of {arguments.runs} interleaved runs", medians)
    values = {"streams": STREAMS, "tokens_per_s": TOKENS_PER_S, "paced": rounded(medians)}
    if arguments.with_litellm:
        count, slow = sustained_by_litellm(folder, arguments.seconds, max(1, arguments.runs // 2))
        tell(f"{count} streams of {TOKENS_PER_S} tokens/s, the most that LiteLLM sustains", slow)
        values["with_litellm"] = {"streams": count, "paced": rounded(slow)}
    sizes = {name: memory(folder, name, arguments.seconds) for name in names}
    rows = [[name, f"{s['before_mb']:.1f}", f"{s['with_streams_mb']:.1f}", f"{s['kb_a_stream']:.1f}"] for name, s in sizes.items()]
    head = ["", "MB before", f"MB with {MANY:,} streams", "KB a stream"]
    print(f"\n{MANY:,} streams of {QUIET_TOKENS_PER_S} tokens/s, one thread each\n\n{table(head, rows)}\n")
    values["memory"] = {"streams": MANY, "tokens_per_s": QUIET_TOKENS_PER_S} | rounded(sizes)
    bars = Bars()
    bars.at_most("added p50 an event, ms", medians["steward"]["added_p50_us"] / 1e3, 0.2)
    if "envoy" in medians:
        bars.at_most("CPU a chunk, times Envoy's", medians["steward"]["cpu_us"] / medians["envoy"]["cpu_us"], 1.5)
    bars.at_most("memory a stream, KB", sizes["steward"]["kb_a_stream"], 40)
    bars.tell()
    values = section(f"./scripts/bench streams --seconds {arguments.seconds} --runs {arguments.runs}", values | {"bars": bars.all})
    if not arguments.quick:
        write("streams", values)


def rounded(samples):
    return {name: {measure: round(value, 3) for measure, value in sample.items()} for name, sample in samples.items()}
