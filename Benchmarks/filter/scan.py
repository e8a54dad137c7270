"""Asks `steward filter scan` about many texts."""
import json
import subprocess

import numpy


class Scan:
    """What the filter said of some texts, in their order."""

    def __init__(self, steward, texts, roles=None, threads=None, extra=()):
        lines = [
            json.dumps({"id": number, "text": text, "role": roles[number] if roles else "user"}, ensure_ascii=False)
            for number, text in enumerate(texts)
        ]
        command = [steward, "filter", "scan", *extra] + (["--threads", str(threads)] if threads else [])
        done = subprocess.run(
            command, input="\n".join(lines).encode("utf-8", "replace"), stdout=subprocess.PIPE, check=True
        )
        self.answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(self.answers) == len(texts)

    def scores(self, *categories):
        """The highest score of these categories, or of those under them."""
        return numpy.array([
            max((v for c, v in a["scores"].items() if any(c == n or c.startswith(n + ".") for n in categories)), default=0)
            for a in self.answers
        ])  # fmt: skip

    def found(self, *categories):
        """Whether a rule of these categories, or of those under them, finds anything."""
        return numpy.array([
            any(f["category"] == n or f["category"].startswith(n + ".") for f in a["findings"] for n in categories)
            for a in self.answers
        ])  # fmt: skip

    def blocked(self):
        return numpy.array([a["verdict"] == "block" for a in self.answers])
