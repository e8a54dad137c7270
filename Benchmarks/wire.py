"""The model and the loads of Wire/: compiled once a run, started and read here."""

import json
import re
import subprocess
from pathlib import Path

from peers import TEXT, Peer

SOURCES = Path(__file__).parent / "Wire"


def compiled(folder):
    """Compiles the model and the loads; the program, whose other file here is the list of tokens."""
    program = Path(folder) / "wire"
    if not program.exists():
        subprocess.run(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program,
                        *sorted(SOURCES.glob("*.c")), "-lm"], check=True)
        (Path(folder) / "tokens").write_text("".join(token + "\n" for token in re.findall(r" ?\S+", TEXT)))
    return program


class Model(Peer):
    """Answers after so many milliseconds, or streams so many tokens a second."""

    name = "model"

    def __init__(self, folder, delay_ms=0, tokens_per_s=50):
        super().__init__(folder, 1, None)
        self.program = compiled(folder)
        self.shared = [self.program.parent / "tokens", self.folder / "sent"]
        self.pace = [delay_ms * 1000, tokens_per_s]

    def arguments(self):
        return [str(part) for part in (self.program, "model", self.port, *self.shared, *self.pace)]


class NotSustained(SystemExit):
    """More was asked of a server than it can do."""


def load(peer, program, arguments, body):
    """Runs a load on a peer; what it saw, and what the peer spent and had while it measured."""
    command = [str(part) for part in (program, *arguments)]
    environment = {"BENCH_KEY": peer.key, "BENCH_BODY": json.dumps(body, separators=(",", ":")).replace('"SEED"', "SEED")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        cpu, resident, result = {}, 0, None
        for line in run.stdout:
            word, _, rest = line.partition(" ")
            if word.strip() in ("BEGIN", "END"):
                cpu[word.strip()] = peer.cpu_seconds()
                resident = peer.resident_bytes()
            elif word == "RESULT":
                result = json.loads(rest)
        complaint = run.stderr.read().strip()
    # Envoy refuses what it can't take: its queue has a bound. From others it is a fault.
    if "not sustained" in complaint or peer.name == "envoy" and "with status 503" in complaint:
        raise NotSustained(f"{peer.name}: {complaint}")
    if run.returncode or result is None or len(cpu) != 2:
        raise SystemExit(f"{peer.name}: {complaint or f'the load ended with {run.returncode}'}")
    return result | {"cpu_s": cpu["END"] - cpu["BEGIN"], "resident_bytes": resident}


def stream_load(peer, model, streams, seconds, spread_s=1):
    """Streams that last a second longer at each end than is measured; each must come whole."""
    tokens = int((spread_s + seconds + 2.5) * model.pace[1])
    body = {"model": "bench", "max_tokens": tokens, "stream": True, "seed": "SEED", "temperature": 0.5,
            "messages": [{"role": "user", "content": "Which boats leave in the morning, and where do they go?"}]}
    arguments = ["streams", peer.port, *model.shared, streams, tokens, spread_s * 1000, 1000, seconds * 1000]
    result = load(peer, model.program, arguments, body)
    count = result["tokens"]
    if not count or not result["events"] or count > 1.2 * streams * seconds * model.pace[1]:
        raise SystemExit(f"{peer.name}: {count} tokens in {seconds} s can't be.")
    return result | {"cpu_us": result["cpu_s"] * 1e6 / count}


def rate_load(peer, program, per_second, seconds, body):
    return load(peer, program, ["rate", peer.port, per_second, seconds * 1000], body)
