"""A configuration that changes while requests are served: SIGHUP takes it up as a whole, or not at all."""

import json

import openai
import pytest
from harness import UNLIMITED, chat_body, get, merge
from providers import Provider
from reloading import component, guidelines, models, reload, rules, said, settings_of, value, write
from test_upstream_resilience import metric


@pytest.fixture
def provider():
    return Provider(said("alpha and bravo"))


# What can change


def test_models_limits_headers_and_names_change_and_the_log_says_what(make_steward, provider):
    provider.fields = {"x-served": "here"}
    steward = make_steward(models=models(provider))
    assert "x-served" not in steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=[{"role": "user", "content": "Hi."}]).headers
    began = value(steward, "steward_configuration_applied_timestamp_seconds")
    settings = settings_of(
        steward, headers={"to_caller": ["x-served"]}, desk={"name": "Elsewhere"},
        limits={"sandbox": UNLIMITED | {"requests_per_minute": 1234}})
    settings["models"] = models(provider, name="other") + [
        {"name": "rehearsal", "aliases": ["again"], "upstreams": [{"name": "server-1", "url": provider.url}]}]
    reload(steward, settings)
    assert [model.id for model in steward.client().models.list()] == ["other", "rehearsal", "again"]
    answer = steward.client().chat.completions.with_raw_response.create(
        model="again", messages=[{"role": "user", "content": "Hi."}])
    assert answer.headers["x-served"] == "here"
    assert answer.headers["x-ratelimit-limit-requests"] == "1234"
    home = get(steward.desk + "/")[1]
    assert "Elsewhere" in home and "other" in home
    assert {m["name"] for m in json.loads(get(steward.telemetry + "/upstreams")[1])["models"]} == {"other", "rehearsal"}
    assert value(steward, "steward_configuration_applied_timestamp_seconds") > began
    line = next(line for line in steward.program.text().splitlines() if "configuration was taken up" in line)
    for part in ("desk.name: Steward → Elsewhere", "requests_per_minute: unlimited → 1234", "models[other]: – → served"):
        assert part in line, line
    del settings["models"][0]
    reload(steward, settings)
    with pytest.raises(openai.NotFoundError):
        steward.chat(model="other")
    steward.text()
    assert metric(steward, "steward_upstream_outstanding", upstream="server-0") == 0


def test_rules_and_guidelines_change_under_the_same_names(make_steward, provider, tmp_path):
    (rule, guide) = (tmp_path / "rules.yaml", tmp_path / "guidelines.yaml")
    rule.write_text(rules("alpha"))
    guide.write_text(guidelines("First"))
    steward = make_steward({"filter": {"rules": [str(rule)]}, "guidelines": {"file": str(guide)}}, models=models(provider))
    assert steward.text()[0] == "[redacted:privacy] and bravo"
    rule.write_text(rules("bravo"))
    # Nothing is followed by itself.
    assert steward.text()[0] == "[redacted:privacy] and bravo"
    reload(steward)
    assert steward.text()[0] == "alpha and [redacted:privacy]"
    first = json.loads(get(steward.desk + "/public/v1/guidelines")[1])["version"]
    guide.write_text(guidelines("Second", verdict="block"))
    reload(steward)
    assert json.loads(get(steward.desk + "/public/v1/guidelines")[1])["version"] != first
    assert "Second" in get(steward.desk + "/guidelines")[1]
    with pytest.raises(openai.BadRequestError) as error:
        steward.chat("Say bravo.")
    assert error.value.body["clause_url"].endswith("/guidelines#second")
    assert "guidelines: " in steward.program.text()
    reload(steward, result="unchanged")


def test_what_needs_a_restart_is_told_and_kept_while_the_rest_is_taken_up(make_steward, provider):
    steward = make_steward(models=models(provider))
    settings = settings_of(
        steward, gateway={"port": steward.address[1] + 1, "observe_only": True}, log={"format": "json"},
        records={"retention_days": 7})
    reload(steward, settings)
    warnings = [line for line in steward.program.text().splitlines() if "needs a restart" in line]
    assert len(warnings) == 3 and not any("{" in line.split("setting=")[0] for line in warnings)
    for name in ("gateway.port", "log.format", "records.retention_days: 92 → 7"):
        assert any(name in line for line in warnings), warnings
    assert value(steward, "steward_configuration_restarts_pending") == 3
    assert json.loads(get(steward.telemetry + "/health/ready")[1])["observe_only"]
    assert steward.post(chat_body()).fields["x-steward-observe-only"] == "true"
    # Who is reloaded again is told again, but nothing is taken up.
    reload(steward, result="unchanged")
    for name in ("port", "observe_only"):
        del settings["gateway"][name]
    reload(steward, merge(settings, {"gateway": {"port": 0}, "log": {"format": "text"}}))
    assert value(steward, "steward_configuration_restarts_pending") == 1
    assert not json.loads(get(steward.telemetry + "/health/ready")[1])["observe_only"]


def test_flags_keep_winning_over_the_file(make_steward, provider):
    steward = make_steward(models=models(provider), env={"STEWARD_DESK_NAME": "Ours"})
    reload(steward, settings_of(steward, desk={"name": "Theirs"}), result="unchanged")
    assert "Ours" in get(steward.desk + "/")[1]


def test_models_of_the_command_line_stay_and_the_rest_is_taken_up(make_steward, rehearsal, provider):
    steward = make_steward(upstream=None, flags=["--upstream", rehearsal.url, "--upstream-model", "rehearsal"])
    rehearsal.reset()
    settings = settings_of(steward, desk={"name": "Elsewhere"}) | {"models": models(provider, name="other")}
    reload(steward, settings)
    assert [model.id for model in steward.client().models.list()] == ["rehearsal"]
    assert "Elsewhere" in get(steward.desk + "/")[1] and "models[" not in steward.program.text()
    # Without a name on the command line, the server was asked for them at the start.
    unnamed = make_steward(upstream=None, flags=["--upstream", rehearsal.url])
    before = sorted(model.id for model in unnamed.client().models.list())
    reload(unnamed, settings_of(unnamed, desk={"name": "Elsewhere"}))
    assert sorted(model.id for model in unnamed.client().models.list()) == before


def test_log_levels_change_for_loggers_that_are_there(make_steward, provider):
    steward = make_steward({"log": {"level": "warning"}}, models=models(provider))
    reload(steward, settings_of(steward, headers={"to_caller": ["x-a"]}))
    assert "taken up" not in steward.program.text()
    reload(steward, settings_of(steward, log={"level": "notice"}))
    assert "log.level: warning → notice" in steward.program.text()


def test_the_rehearsal_model_comes_when_a_configuration_needs_it(make_steward, provider):
    steward = make_steward(models=models(provider, name="served"))
    settings = settings_of(steward)
    assert [model.id for model in steward.client().models.list()] == ["served"]
    reload(steward, merge(settings, {"rehearsal": {"enabled": True}}))
    assert steward.text(model="rehearsal-echo", prompt="Say it back.")[1] == "stop"
    reload(steward, {name: settings[name] for name in settings if name != "models"})
    assert "served" not in [model.id for model in steward.client().models.list()]
    assert steward.text(options="tokens=3")[0]
    reload(steward, settings)
    assert [model.id for model in steward.client().models.list()] == ["served"]


# What is wrong


@pytest.mark.parametrize("break_it, expected", [
    (lambda s, rule: write(s, "gateway: [1\n"), "steward.yaml:2:1: This is not YAML"),
    (lambda s, rule: write(s, settings_of(s, gatewy={"port": 1})), "Did you mean `gateway`?"),
    (lambda s, rule: write(s, settings_of(s, gateway={"threads": 0}, desk={"port": "x"})), "`desk.port` can't be"),
    (lambda s, rule: rule.write_text(rules("alpha").replace("\\balpha", "(alpha")), "house/alpha"),
    (lambda s, rule: rule.write_text("rules: [{id: x}]"), "rules.yaml:1:"),
    (lambda s, rule: s.config.unlink(), "can't be read"),
    (lambda s, rule: write(s, {name: part for name, part in settings_of(s, rehearsal={"enabled": False}).items()
                               if name != "models"}), "No model is configured"),
], ids=["syntax", "unknown key", "two problems", "pattern", "rule file", "gone", "no model"])
def test_what_is_wrong_keeps_all_that_was_and_says_why(make_steward, provider, tmp_path, break_it, expected):
    rule = tmp_path / "rules.yaml"
    rule.write_text(rules("alpha"))
    (tmp_path / "guidelines.yaml").write_text(guidelines("First"))
    steward = make_steward(
        {"filter": {"rules": [str(rule)]}, "limits": {"sandbox": {"requests_per_minute": 1000}},
         "guidelines": {"file": str(tmp_path / "guidelines.yaml")}}, models=models(provider))
    good = steward.config.read_text()
    assert component(steward) == (200, {"status": "green"})
    break_it(steward, rule)
    check = steward.command("config", "check", check=False) if steward.config.exists() else None
    reload(steward, result="refused")
    status, state = component(steward)
    assert (status, state["status"]) == (200, "degraded")
    log = steward.program.text()
    assert expected in log and "not taken up" in log
    if check and check.returncode == 1:
        # Every line of `steward config check` is in the log, each as a line.
        for line in check.stdout.strip().splitlines():
            assert any(line in logged for logged in log.splitlines()), line
        assert check.stdout.splitlines()[0] in state["reason"]
    answer = steward.post(chat_body())
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "[redacted:privacy] and bravo"
    assert answer.fields["x-ratelimit-limit-requests"] == "1000"
    # Put right, it is green again, and another setting is taken up.
    rule.write_text(rules("alpha"))
    reload(steward, merge(json.loads(good), {"limits": {"sandbox": {"requests_per_minute": 2000}}}))
    assert component(steward) == (200, {"status": "green"})
    assert steward.post(chat_body()).fields["x-ratelimit-limit-requests"] == "2000"
