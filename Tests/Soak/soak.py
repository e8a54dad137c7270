"""Runs what scripts/soak describes."""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from audit import audit  # noqa: E402
from scene import LEASE_PERCENT, REQUESTS_PER_MINUTE, Chaos, Scene, wait_until  # noqa: E402
from traffic import KINDS, Client, Log  # noqa: E402

CLIENTS = 8
# Together four times what their limit lets through.
LIMITED_CLIENTS, LIMITED_PAUSE = 4, 0.2


class Sampler(threading.Thread):
    """Memory and open files of the gateways, every other second."""

    def __init__(self, gateways):
        super().__init__(daemon=True)
        self.gateways, self.samples, self.ends = gateways, [], threading.Event()

    def run(self):
        while not self.ends.wait(2):
            for number, gateway in enumerate(self.gateways):
                try:
                    pid = gateway.program.pid
                    self.samples.append((number, pid, time.time(), gateway.program.resident_bytes(), gateway.files()))
                except (OSError, AttributeError):
                    # It is being started again.
                    pass


def soak(folder, minutes, seed):
    """Whether all was well."""
    begin = time.time()

    def say(text):
        print(f"{time.time() - begin:6.0f} s  {text}", flush=True)

    say(f"Starting PostgreSQL, Redis, two model servers and two gateways. Seed {seed}.")
    with Scene(folder) as scene:
        files = [gateway.files() for gateway in scene.gateways]
        log, ends, sampler = Log(), threading.Event(), Sampler(scene.gateways)
        clients = [Client(scene.gateways, scene.keys, log, ends, seed + n) for n in range(CLIENTS)]
        clients += [
            Client(scene.gateways, [scene.limited_key], log, ends, seed + 100 + n, LIMITED_PAUSE, only=KINDS[0])
            for n in range(LIMITED_CLIENTS)]
        chaos = Chaos(scene, minutes, seed, say)
        for thread in (sampler, *clients):
            thread.start()
        # On this thread: PostgreSQL ends with the thread that started it.
        chaos.run()
        time.sleep(max(0, chaos.ends_at - time.time()))
        sampler.ends.set()
        ends.set()
        for client in clients:
            client.join(40)
        say(f"{len(log.seen)} requests were made. Waiting until all is well again and all records are stored.")
        complaints = [f"the test itself failed: {chaos.failure}"] * (chaos.failure is not None)
        if not scene.settled():
            complaints.append("not all was well again and stored within a minute and a half")
        complaints += open_files(scene.gateways, files)
        # A shutdown empties the journal into the store, so nothing is on its way when the audit reads that.
        complaints += [
            f"gateway {number} did not end well" for number, gateway in enumerate(scene.gateways)
            if gateway.stop(signal.SIGTERM, 60) != 0]
        records, usage = scene.gateways[0].records(), scene.gateways[0].ask("usage")
        keep(folder, log, records, chaos)
        bound = (REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE * LEASE_PERCENT // 100, len(scene.gateways))
        found, figures = audit(log.seen, records, usage, sampler.samples, chaos.events, scene.limited_key, bound)
        complaints += found
    for figure in figures:
        say(figure)
    for complaint in complaints[:40]:
        say(f"NOT SO: {complaint}")
    say(f"{len(chaos.events)} things went wrong on purpose. " + (
        f"{len(complaints)} complaints." if complaints else "The audit is clean."))
    return not complaints


def open_files(gateways, before):
    """Idle connections are closed within half a minute; then as many files are open as at the start."""
    def leak():
        return [
            f"gateway {n} has {g.files()} open files, after {count} at its start" for n, (g, count) in
            enumerate(zip(gateways, before)) if g.files() > count + 16]
    wait_until(lambda: not leak(), 60, 1)
    return leak()


def keep(folder, log, records, chaos):
    (folder / "seen.jsonl").write_text("".join(json.dumps(asdict(s) | {"key": s.key[-4:]}) + "\n" for s in log.seen))
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "chaos.json").write_text(json.dumps(chaos.events, indent=1))


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="steward-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    is_well = soak(folder.resolve(), options.minutes, options.seed)
    if is_well and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"Logs, what the clients saw and the records are in {folder}.")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
