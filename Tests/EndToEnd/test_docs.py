"""The commands of the tutorial and the guides, run as they stand."""

import contextlib
import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from harness import BINARY, TOP, Program, await_ready, chat_body, get, wait_until

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


@contextlib.contextmanager
def serving(shell, command):
    """A `steward serve` of a page, and what its ready file says."""
    server = Program(["bash", "-c", "exec env " + command], shell.folder / "serve.log", env=shell.environment, cwd=shell.folder)
    try:
        yield await_ready(server, shell.folder / "ready.json")
    finally:
        server.stop()


def output_of(shell, block):
    done = shell(block)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_tutorial_works_as_it_stands(shell):
    serve, *rest = commands("tutorials/first-request.md")
    with serving(shell, serve):
        output = [output_of(shell, block) for block in rest]
        assert "rehearsal model" in output[0]
        assert "[redacted:pii.card]" in output[1]
        assert "content_policy_violation" in output[2] and "clause_url" in output[2]
        # Records reach the store a moment after the answer.
        assert wait_until(lambda: "pii.card:redact" in shell(rest[3]).stdout, within=60, every=0.2)


def test_keys_guide_works_as_it_stands(shell):
    *others, limits = [output_of(shell, block) for block in commands("guides/keys.md")]
    assert "stw_live_" in "".join(others) and "Help desk" in "".join(others)
    assert re.search(r"requests_per_minute +600 +application", limits)
    assert re.search(r"requests_per_minute +60 +key", limits)
    assert re.search(r"tokens_per_day +50000000 +organisation", limits)


def test_operating_guide_works_as_it_stands(shell):
    (shell.folder / "steward.yaml").write_text("desk: {name: Here}\n")
    with serving(shell, "steward serve --data data --ready-file ready.json") as ready:
        look, reload = commands("operations.md")
        output = output_of(shell, look)
        (shell.folder / "steward.yaml").write_text("desk: {name: There}\n")
        assert "The settings are right." in output_of(shell, reload)
        metric = 'steward_configuration_reloads_total{result="applied"} 1'
        assert wait_until(lambda: metric in get(ready["telemetry"] + "/metrics")[1], 60)
        assert "There" in get(ready["desk"] + "/")[1]
    assert "journal" in output and "steward_journal_size_bytes" in output and "Nothing was used" in output


def test_every_metric_is_explained(shell):
    page = (DOCS / "operations.md").read_text()
    with serving(shell, "steward serve --data data --ready-file ready.json") as ready:
        with urllib.request.urlopen(ready["telemetry"] + "/metrics", timeout=30) as answer:
            families = re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.M)
    assert len(families) > 20 and [name for name in families if f"`{name}`" not in page] == []
    # And none that is gone.
    sources = "".join(path.read_text() for path in (TOP / "Sources").rglob("*.swift"))
    told = {re.sub(r"_(total|seconds|bytes)$", "", name) for name in re.findall(r"^\| `(steward_[a-z_]+)`", page, re.M)}
    assert [name for name in told if name.removesuffix("_size").replace("_", ".") not in sources.replace("_", ".")] == []


def test_roll_out_guide_works_as_it_stands(shell):
    serve, watch = commands("guides/roll-out.md")
    with serving(shell, serve) as ready:
        request = urllib.request.Request(
            ready["gateway"] + "/v1/chat/completions", chat_body("Write 50 fake reviews for my hotel.").encode(),
            {"authorization": "Bearer " + ready["sandbox_key"], "content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200 and answer.headers["x-steward-observe-only"] == "true"
        assert wait_until(lambda: '"prompt_verdict":"block"' in shell(watch).stdout, within=60, every=0.2)
        assert "steward_findings_total{" in output_of(shell, watch)
        with urllib.request.urlopen(ready["telemetry"] + "/health/ready", timeout=30) as answer:
            assert json.load(answer)["observe_only"] is True


def test_settings_of_the_guide_are_right_and_shown(shell):
    page = (DOCS / "guides/serve-a-model.md").read_text()
    settings = re.search(r"^```yaml\n(models:.*?)^```", page, re.M | re.S).group(1)
    (Path(shell.folder) / "steward.yaml").write_text(settings)
    (block,) = commands("guides/serve-a-model.md")
    output = output_of(shell, block)
    assert "The settings are right." in output or "Notice:" in output
    assert "PROVIDER_KEY ([secret])" in output and "sk-example" not in output


def test_budgets_guide_works_as_it_stands(shell):
    page = (DOCS / "guides/budgets.md").read_text()
    settings = re.search(r"^```yaml\n(models:.*?)^```", page, re.M | re.S).group(1)
    (Path(shell.folder) / "steward.yaml").write_text(settings)
    check, limits, usage = [output_of(shell, block) for block in commands("guides/budgets.md")]
    assert "The settings are right." in check
    assert re.search(r"budget\.money_per_month +120\.50 +application", limits)
    assert re.search(r"budget\.tokens_per_day +1000000 +application", limits)
    assert "Nothing was used" in usage
    # What the page says of a model without a price.
    (Path(shell.folder) / "steward.yaml").write_text(settings.replace("    price: {input: 0, output: 0}\n", ""))
    assert "has no price" in shell("steward config check").stdout


def test_example_rules_of_the_guide_pass_their_own_tests(shell):
    page = (DOCS / "guides/guidelines-and-rules.md").read_text()
    rules = re.findall(r"^```yaml\n(rules:.*?)^```", page, re.M | re.S)
    assert len(rules) == 3
    for rule in rules:
        (Path(shell.folder) / "house.yaml").write_text(rule)
        done = shell("steward filter check house.yaml")
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_shows_what_the_filter_finds(shell):
    shown = commands("guides/guidelines-and-rules.md")
    assert len(shown) == 2
    for command in shown:
        assert "pii/card-number" in output_of(shell, command)


def test_example_clause_of_the_guide_is_read(shell):
    page = (DOCS / "guides/guidelines-and-rules.md").read_text()
    clause = re.search(r"^```yaml\n( *- id:.*?)^```", page, re.M | re.S).group(1)
    head = "title: House rules\nlanguage: en\npublished: 2026-12-01\nintroduction: Read them.\nclauses:\n"
    (Path(shell.folder) / "house.yaml").write_text(head + clause)
    done = shell("steward guidelines check house.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_tuning_guide_works_as_it_stands(shell):
    page = (DOCS / "guides/tune-the-filter.md").read_text()
    policy, rules, redactions = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    (shell.folder / "policy.yaml").write_text(policy + redactions)
    (shell.folder / "support.yaml").write_text(rules)
    (shell.folder / "steward.yaml").write_text("filter: {policy: policy.yaml}\n")
    assert "The settings are right." in output_of(shell, "steward config check")
    assert "pass their" in output_of(shell, "steward filter check")
    simulate, explain = commands("guides/tune-the-filter.md")
    assert re.search(r"none +sales +harmless +completion +redact +block +1", output_of(shell, simulate))
    output = output_of(shell, explain)
    assert "support/rival" in output and "[redacted:house.rival]" in output and "press" not in output.split("FROM")[1]


def test_samples_guide_works_as_it_stands(shell):
    settings, judge, tell, program = commands("guides/judge-samples.md")
    assert "The settings are right." in output_of(shell, settings)
    with serving(shell, "STEWARD_SAMPLES_FOUND_PER_MILLION=1000000 SAMPLES_KEY=%s steward serve --data data "
                 "--ready-file ready.json" % ("5a" * 32)) as ready:
        request = urllib.request.Request(
            ready["gateway"] + "/v1/chat/completions", chat_body("Pay with 4111 1111 1111 1111.").encode(),
            {"authorization": "Bearer " + ready["sandbox_key"], "content-type": "application/json"})
        urllib.request.urlopen(request, timeout=30).read()
        output_of(shell, "export SAMPLES_KEY=%s" % ("5a" * 32))
        assert wait_until(lambda: "pii.card" in shell("steward filter samples list").stdout, within=60, every=0.3)
        assert "░" in output_of(shell, judge)
        assert "pii/card-number" in output_of(shell, tell)
        output = output_of(shell, program)
        assert "4111 1111 1111 1111" in output and '"reviewer":"jane"' in output and '"judged":1' in output


def test_tokens_guide_works_as_it_stands(shell):
    make, use = commands("guides/admin-tokens.md")
    with serving(shell, "steward serve --data data --ready-file ready.json"):
        assert "stw_admin_" in output_of(shell, make)
        output = output_of(shell, use)
    assert output.startswith("[]") and "Revoked the token tok_" in output
