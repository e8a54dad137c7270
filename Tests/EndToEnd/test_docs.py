"""The commands of the tutorial and the guides, run as they stand."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import BINARY, TOP, Program, await_ready, wait_until

DOCS = TOP / "docs"


def commands(page):
    """The `sh` blocks of a page, in order. Blocks without a language are shown, not run."""
    return re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S)


@pytest.fixture
def shell(tmp_path):
    """Runs a block in an empty folder in which `steward` is a command, keeping what earlier blocks exported."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "steward").symlink_to(BINARY)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STEWARD_")} | {
        "PATH": f"{tools}:{os.environ['PATH']}", "STEWARD_GATEWAY_PORT": "0", "STEWARD_DESK_PORT": "0",
        "STEWARD_TELEMETRY_PORT": "0"}
    exports = tmp_path / "exports"
    exports.touch()

    def run(block):
        script = f". {exports}\nset -euo pipefail\n{block}\nexport -p > {exports}\n"
        return subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    run.folder, run.environment = tmp_path, environment
    return run


def test_tutorial_works_as_it_stands(shell):
    blocks = commands("tutorials/first-request.md")
    serve, rest = blocks[0], blocks[1:]
    server = Program(["bash", "-c", "exec " + serve], shell.folder / "serve.log", env=shell.environment, cwd=shell.folder)
    try:
        await_ready(server, shell.folder / "ready.json")
        output = []
        for block in rest:
            done = shell(block)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            output.append(done.stdout)
        assert "rehearsal model" in output[0]
        assert "[redacted:pii.card]" in output[1]
        assert "content_policy_violation" in output[2] and "clause_url" in output[2]
        # Records reach the store a moment after the answer.
        assert wait_until(lambda: "pii.card:redact" in shell(rest[3]).stdout, within=60, every=0.2)
    finally:
        server.stop()


def test_keys_guide_works_as_it_stands(shell):
    output = ""
    for block in commands("guides/keys.md"):
        done = shell(block)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        output += done.stdout
    assert "stw_live_" in output and "Help desk" in output


def test_example_rule_of_the_guide_passes_its_own_tests(shell):
    page = (DOCS / "guides/guidelines-and-rules.md").read_text()
    rule = re.search(r"^```yaml\n(rules:.*?)^```", page, re.M | re.S).group(1)
    (Path(shell.folder) / "house.yaml").write_text(rule)
    done = shell("steward filter check house.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
