"""What all kinds of measurement say in the same way: the machine, versions, tables, bars, and latest.json."""

import datetime
import json
import math
import os
import platform
import subprocess
from pathlib import Path

LATEST = Path(__file__).parent / "latest.json"


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def said(*command):
    """The last words of a program's version, or `None` where it isn't there."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (run.stdout + run.stderr).strip().splitlines()[0] if run.returncode == 0 else None


def versions():
    top = str(Path(__file__).parent.parent)
    found = {
        "steward": said("git", "-C", top, "describe", "--always", "--dirty", "--exclude=*"),
        "nginx": said("nginx", "-v"), "envoy": said(os.environ.get("ENVOY", "envoy"), "--version"),
    }
    if "LITELLM" in os.environ:
        python = Path(os.environ["LITELLM"]).parent / "python"
        found["litellm"] = said(
            str(python), "-c", "import importlib.metadata as m; print(m.version('litellm'))")
    return {name: version for name, version in found.items() if version}


def section(command, values):
    """Figures with when, where and of what they were taken."""
    return {
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "command": command,
        "machine": {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release(), "processor": processor()},
        "versions": versions(), **values}


def write(name, values):
    """Puts one kind's figures in the place of its last ones; the other kinds' stay."""
    document = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    document[name] = values
    LATEST.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nWritten to {LATEST}, `{name}`.")


def table(head, rows):
    """Markdown; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


class Bars:
    """What figures are held against. They are told, and end no run: time is no test."""

    def __init__(self):
        self.all = {}

    def at_most(self, name, value, bar):
        self.all[name] = {"value": round(value, 4), "at_most": bar, "is_met": value <= bar}

    def at_least(self, name, value, bar):
        self.all[name] = {"value": round(value, 4), "at_least": bar, "is_met": value >= bar}

    def tell(self):
        for name, bar in self.all.items():
            kind = "at_most" if "at_most" in bar else "at_least"
            print(f"{'met   ' if bar['is_met'] else 'MISSED'} {name}: {bar['value']:g}, {kind.replace('_', ' ')} {bar[kind]:g}")


def checked(sample, where):
    """The sample, unless a figure of it can't be: then the run ends."""
    for name, value in sample.items():
        if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
            raise SystemExit(f"{where}: {name} can't be {value}.")
    return sample
