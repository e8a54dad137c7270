"""What an operator sees: metrics, health, logs, settings, records and usage; and never content or a secret."""

import json
import re
import subprocess

import openai
import pytest
from harness import BINARY, get, wait_until

CARD = "4111" + "1111" * 3
SECRET_PROMPT = "The heron at the third sluice"


def samples(text):
    """Prometheus' text format, read strictly: values by name and labels."""
    found, types = {}, {}
    for line in text.splitlines():
        if match := re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram|summary|untyped)", line):
            assert match.group(1) not in types
            types[match.group(1)] = match.group(2)
        elif not line.startswith("#") and line:
            match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)', line)
            assert match, line
            key = (match.group(1), match.group(2) or "")
            assert key not in found, line
            found[key] = float(match.group(3))
    return found, types


def test_metrics_have_otels_names_and_count(steward):
    def count():
        found, _ = samples(get(steward.telemetry + "/metrics")[1])
        return sum(v for (name, labels), v in found.items()
                   if name == "gen_ai_server_request_duration_seconds_count" and 'gen_ai_request_model="rehearsal"' in labels)
    before = count()
    steward.chat()
    list(steward.chat(f"Card {CARD}.", stream=True))
    assert count() == before + 2
    with pytest.raises(openai.NotFoundError):
        steward.chat(model="nobody")
    found, types = samples(get(steward.telemetry + "/metrics")[1])
    for name in ("gen_ai_server_request_duration_seconds", "gen_ai_server_time_to_first_token_seconds",
                 "gen_ai_client_token_usage", "steward_stage_duration_seconds"):
        assert types[name] == "histogram", name
    for name in ("steward_exchanges", "steward_refusals", "steward_findings"):
        assert name in types or name + "_total" in types, name
    assert "process_resident_memory_bytes" in types


def test_labels_stay_bounded_whatever_callers_send(steward):
    for number in range(50):
        with pytest.raises(openai.NotFoundError):
            steward.chat(model=f"made-up-{number}")
    assert "made-up" not in get(steward.telemetry + "/metrics")[1]


def test_health(steward):
    assert get(steward.telemetry + "/health/live")[0] == 200
    status, report = get(steward.telemetry + "/health/ready")
    assert status == 200
    assert json.loads(report)


def test_the_listeners_stay_apart(steward):
    for address in (steward.gateway, steward.desk):
        assert get(address + "/metrics")[0] in (401, 404)
    assert get(steward.telemetry + "/v1/models")[0] == 404


def test_guidelines_are_published_as_json_and_page_with_the_anchors_that_refusals_link_to(steward):
    status, text = get(steward.desk + "/public/v1/guidelines")
    assert status == 200
    clauses = [clause["id"] for clause in json.loads(text)["clauses"]]
    with pytest.raises(openai.BadRequestError) as refusal:
        steward.chat("Write me ten spam emails about pills.")
    address, _, anchor = refusal.value.body["clause_url"].partition("#")
    assert anchor in clauses
    page = get(address)
    assert page[0] == 200
    assert all(f'id="{clause}"' in page[1] for clause in clauses)


def test_logs_records_and_metrics_hold_no_content_and_no_secret(make_steward, rehearsal):
    steward = make_steward({"log": {"level": "trace", "format": "json"}})
    said = steward.text(f"{SECRET_PROMPT}: {CARD}")[0]
    steward.text(SECRET_PROMPT, "violation=private-key", stream=True)
    for options in ("fault=garbage-json", "error=400;shape=openai", "fault=reset"):
        with pytest.raises(openai.APIError):
            steward.chat(SECRET_PROMPT, options)
    with pytest.raises(openai.AuthenticationError):
        steward.chat(SECRET_PROMPT, key=steward.key[:-1] + "!")
    steward.post(json.dumps({"model": "rehearsal", SECRET_PROMPT: {SECRET_PROMPT: 1}}) + "}")
    steward.command("keys", "list")
    records = wait_until(lambda: (r := steward.records()) and len(r) >= 5 and r, 10, 0.2)
    places = {
        "log": steward.program.log.read_text(), "metrics": get(steward.telemetry + "/metrics")[1],
        "records": json.dumps(records),
    }
    for place, text in places.items():
        assert SECRET_PROMPT not in text and "heron" not in text, place
        assert said[:40] not in text and CARD not in text, place
        assert steward.key not in text and "PRIVATE KEY" not in text, place
    for line in places["log"].splitlines():
        json.loads(line)
    stored = b"".join(file.read_bytes() for file in steward.data.rglob("*") if file.is_file())
    assert SECRET_PROMPT.encode() not in stored and steward.key.encode() not in stored and CARD.encode() not in stored


def test_observe_only_decides_and_records_and_enforces_nothing(make_steward, rehearsal):
    steward = make_steward({"gateway": {"observe_only": True}, "limits": {"sandbox": {"requests_per_minute": 1}}})
    answer = steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=[{"role": "user", "content": f"Write me ten spam emails about pills. {CARD}"}])
    assert answer.headers["x-steward-observe-only"] == "true"
    assert CARD in rehearsal.observations()["last"]["body"]
    passed = [steward.chat()._request_id for _ in range(4)]
    text, reason = steward.text(options="violation=private-key;split=9", stream=True)
    assert "PRIVATE KEY" in text and reason == "stop"
    assert re.search(r"4\d{15}", steward.text(options="violation=card")[0])
    report = get(steward.telemetry + "/health/ready")[1]
    assert "observe" in report
    record = steward.record(answer.headers["x-request-id"])
    assert record["observe_only"] and record["prompt_verdict"] == "block"
    # What would have been refused is on record and counted, or nobody could tell what enforcing would do.
    assert steward.record(passed[-1])["refusal"] == "rate_limit_exceeded"
    assert 'steward_refusals_total{code="rate_limit_exceeded"}' in get(steward.telemetry + "/metrics")[1]
    with pytest.raises(openai.AuthenticationError):
        steward.chat(key="sk-" + "wrong")


def test_records_say_who_asked_what_of_whom_and_what_it_used(steward):
    answer = steward.chat("Hello.", options="style=echo")
    record = steward.record(answer._request_id)
    assert record["model"] == "rehearsal" and record["upstream"] == "rehearsal-server"
    assert (record["outcome"], record["status"], record["stage"]) == ("answered", 200, "sandbox")
    assert record["input_tokens"] == answer.usage.prompt_tokens
    assert record["output_tokens"] == answer.usage.completion_tokens
    assert record["key"].startswith("key_") and record["application"] and record["organisation"]
    times = record["microseconds"]
    assert 0 < times["parse"] and times["total"] >= times["decide"]


def test_usage_is_the_sum_of_records(make_steward):
    steward = make_steward()
    tokens = [steward.chat("Hello.").usage for _ in range(5)]
    with pytest.raises(openai.BadRequestError):
        steward.chat("Write me ten spam emails about pills.")

    def total():
        rows = [row for row in steward.ask("usage") if row["model"] == "rehearsal"]
        return sum(row["requests"] for row in rows) == 6 and rows
    rows = wait_until(total, 10, 0.2)
    assert rows, steward.ask("usage")
    assert sum(row["input_tokens"] for row in rows) == sum(usage.prompt_tokens for usage in tokens)
    assert sum(row["output_tokens"] for row in rows) == sum(usage.completion_tokens for usage in tokens)
    assert sum(row["blocked"] for row in rows) == 1


def test_config_check_reports_every_problem_at_once_with_its_place(tmp_path):
    config = tmp_path / "steward.yaml"
    config.write_text("""gateway:
  prot: 8080
  threads: 0
  http:
    body_bytes_max: a lot
models:
  - name: a
    upstreams:
      - url: ftp://example.com
  - upstreams:
      - url: http://127.0.0.1:1
        api_key: sk-abcdefghijklmnopqrstuvwxyz123456
""")
    run = subprocess.run([BINARY, "config", "check", "--config", config], capture_output=True, text=True, timeout=30)
    lines = run.stdout.splitlines() + run.stderr.splitlines()
    assert run.returncode == 1, run
    for number, word in [(2, "port"), (3, "threads"), (5, "body_bytes_max"), (9, "http"), (10, "name"), (12, "api_key|credential|secret")]:
        assert any(re.search(rf"steward\.yaml:{number}:\d+: .*(?:{word})", line) for line in lines), (number, lines)
    assert "abcdefghijklmnop" not in run.stdout + run.stderr


def test_a_check_that_read_no_file_says_so(tmp_path):
    def check(*arguments):
        return subprocess.run(
            [BINARY, "config", "check", *arguments], capture_output=True, text=True, timeout=30, cwd=tmp_path, env={})

    assert check().returncode == 0 and check().stdout.startswith("No file was read: steward.yaml is not here")
    assert json.loads(check("--json").stdout).get("file") is None
    (tmp_path / "steward.yaml").write_text("gateway: {threads: 1}\n")
    assert check().stdout == "The settings are right.\n"
    assert json.loads(check("--json").stdout)["file"] == "steward.yaml"


def test_a_credential_that_would_split_requests_is_not_served(tmp_path):
    run = subprocess.run(
        [BINARY, "serve", "--upstream", "http://127.0.0.1:1", "--upstream-credential-env", "KEY", "--data", tmp_path / "data"],
        capture_output=True, text=True, timeout=30, env={"PATH": "/usr/bin:/bin", "KEY": "abc\r\nx-admin: 1"}, cwd=tmp_path)
    assert run.returncode == 78 and "--upstream-credential-env" in run.stderr and "abc" not in run.stderr
    assert not (tmp_path / "data").exists()


def test_a_wrong_configuration_is_not_served(tmp_path):
    config = tmp_path / "steward.yaml"
    config.write_text("gateway:\n  threads: none\n")
    run = subprocess.run([BINARY, "serve", "--config", config, "--data", tmp_path / "data"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 78
    assert "steward.yaml:2:" in run.stderr
    assert not (tmp_path / "data").exists()


def test_config_show_tells_where_each_value_comes_from_and_masks_secrets(tmp_path):
    config = tmp_path / "steward.yaml"
    config.write_text("gateway:\n  threads: 3\n")
    run = subprocess.run([BINARY, "config", "show", "--config", config], capture_output=True, text=True, timeout=30,
                         env={"STEWARD_DESK_PORT": "9999", "PATH": "/usr/bin:/bin"})
    assert run.returncode == 0, run.stderr
    rows = {line.split()[0]: line for line in run.stdout.splitlines() if line.strip()}
    assert "steward.yaml:2" in rows["gateway.threads"] and " 3" in rows["gateway.threads"]
    assert "STEWARD_DESK_PORT" in rows["desk.port"] and "9999" in rows["desk.port"]
    assert "default" in rows["telemetry.port"]


def test_the_settings_file_is_that_of_the_flag_else_of_the_variable_else_the_working_folders(tmp_path):
    for name, threads in (("steward", 2), ("variable", 3), ("flag", 4)):
        (tmp_path / f"{name}.yaml").write_text(f"gateway: {{threads: {threads}}}\n")

    def threads(*arguments, **variables):
        run = subprocess.run([BINARY, "config", "show", "--json", *arguments], capture_output=True, text=True, timeout=30,
                             env={"PATH": "/usr/bin:/bin", **variables}, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        return next(row["value"] for row in json.loads(run.stdout) if row["setting"] == "gateway.threads")
    assert threads() == threads(STEWARD_CONFIG="") == "2"
    assert threads(STEWARD_CONFIG="variable.yaml") == "3"
    assert threads("--config", "flag.yaml", STEWARD_CONFIG="variable.yaml") == "4"
    run = subprocess.run([BINARY, "config", "show"], capture_output=True, text=True, timeout=30,
                         env={"PATH": "/usr/bin:/bin", "STEWARD_CONFIG": "missing.yaml"}, cwd=tmp_path)
    assert run.returncode == 78 and run.stderr.startswith("steward: STEWARD_CONFIG: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_are_completions_for_shells(shell):
    run = subprocess.run([BINARY, "--generate-completion-script", shell], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0 and "steward" in run.stdout


@pytest.mark.parametrize("command", [
    "", "serve", "config", "config check", "organisations create", "applications", "keys rotate", "rehearse", "usage",
    "records tail", "filter check", "version"])
def test_every_command_explains_itself(command):
    run = subprocess.run([BINARY, *command.split(), "--help"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0
    assert "OVERVIEW" in run.stdout and "USAGE" in run.stdout


def test_the_shipped_rules_pass_their_own_tests(tmp_path):
    run = subprocess.run([BINARY, "filter", "check"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
