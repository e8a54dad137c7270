"""Runs what scripts/bench describes."""

import argparse
import os
import tempfile

import closed
import openloop
import selftest
import stages
import streams
from peers import PROXIES

KINDS = {"load": closed.run, "path": stages.run, "streams": streams.run, "latency": openloop.run}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", nargs="?", default="load", choices=[*KINDS, "all"])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--with-litellm", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--soak", type=int)
    parser.add_argument("--only", default="nginx,envoy,steward")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds, arguments.runs = 1, 1
    # The upstream is always measured.
    names = [name for name in arguments.only.split(",") if name != "upstream"]
    if unknown := [name for name in names if name not in PROXIES]:
        parser.error(f"there is no {', '.join(unknown)} to compare with; there are {', '.join(PROXIES)}")
    if arguments.with_litellm and "litellm" not in names:
        names.append("litellm")
    kinds = KINDS if arguments.kind == "all" else [arguments.kind]
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        os.chmod(folder, 0o755)
        if arguments.self_test:
            raise SystemExit(selftest.run(folder))
        if arguments.soak:
            raise SystemExit(closed.soak(folder, arguments.soak, max(2, arguments.seconds)))
        for kind in kinds:
            own = os.path.join(folder, kind)
            os.mkdir(own)
            os.chmod(own, 0o755)
            KINDS[kind](own, arguments, names, len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
