"""Upstreams that are asked whether they are well, and what follows when they are not."""

import signal
import ssl
import subprocess
import time

import openai
import pytest
from harness import wait_until
from providers import Provider
from test_upstream_resilience import metric

CHECK = {"interval": "100ms", "timeout": "200ms", "unhealthy_after": 2, "healthy_after": 2, "path": "/health"}


def models(*servers, check=CHECK):
    return [{"name": "rehearsal", "upstreams": [
        {"name": f"server-{number}", "url": server.url, "priority": number, "health": check}
        for number, server in enumerate(servers)]}]


def is_out(steward, number):
    return metric(steward, "steward_upstream_unhealthy", upstream=f"server-{number}") == 1


def test_who_fails_its_checks_gets_no_requests_until_it_passes_them(make_steward):
    first, second = Provider(), Provider()
    steward = make_steward(models=models(first, second))
    steward.text()
    assert (first.requests(), second.requests()) == (1, 0)
    first.health = 503
    assert wait_until(lambda: is_out(steward, 0))
    for _ in range(4):
        steward.text()
    assert (first.requests(), second.requests()) == (1, 4)
    first.health = 200
    assert wait_until(lambda: not is_out(steward, 0))
    steward.text()
    assert (first.requests(), second.requests()) == (2, 4)
    assert metric(steward, "steward_upstream_health_removals_total", upstream="server-0") == 1
    assert metric(steward, "steward_upstream_health_checks_total", upstream="server-0", result="failed") >= 2
    log = steward.program.text()
    assert log.count("upstream unhealthy") == 1 and log.count("upstream healthy again") == 1
    assert "status 503" in log


def test_who_answers_too_late_or_not_at_all_is_taken_out(make_steward):
    slow, gone = Provider(), Provider()
    steward = make_steward(models=models(slow, gone))
    slow.health_delay = 1
    gone.shutdown()
    gone.server_close()
    assert wait_until(lambda: is_out(steward, 0) and is_out(steward, 1))


def test_when_all_are_taken_out_callers_are_told_when_to_come_again(make_steward):
    first, second = Provider(), Provider()
    first.health = second.health = 404
    steward = make_steward(models=models(first, second, check=CHECK | {"interval": "1s"}))
    assert wait_until(lambda: is_out(steward, 0) and is_out(steward, 1))
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat()
    assert (error.value.status_code, error.value.code) == (503, "upstream_unavailable")
    # Two checks, a second apart.
    assert error.value.response.headers["retry-after"] == "3"
    record = steward.record(error.value.body["request_id"])
    assert (record["outcome"], record["refusal"], record["input_tokens"]) == ("upstream_failed", "unhealthy", 0)
    assert first.requests() == second.requests() == 0


def test_a_passed_check_closes_no_breaker(make_steward):
    first, second = Provider(status=500), Provider()
    steward = make_steward(
        models=models(first, second), settings={"resilience": {"breaker_failures": 3, "breaker_pause": "20s"}})
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            steward.chat()
    passed = len(first.checked)
    assert wait_until(lambda: len(first.checked) > passed + 4)
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 1
    steward.text()
    assert (first.requests(), second.requests()) == (3, 1)


def test_checks_are_asked_as_requests_are(make_steward):
    server = Provider()
    upstream = {
        "name": "server", "url": server.url + "/base", "credential_env": "SERVER_KEY", "credential_field": "x-api-key",
        "health": {"interval": "100ms"}}
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [upstream]}], env={"SERVER_KEY": "sk-secret-of-the-server"})
    assert wait_until(lambda: len(server.checked) > 5)
    path, fields = server.checked[0]
    fields = {name.lower(): value for name, value in fields.items()}
    assert path == "/base/v1/models" and fields["x-api-key"] == "sk-secret-of-the-server"
    assert fields["host"] == f"127.0.0.1:{server.server_port}"
    assert "sk-secret" not in steward.program.text()


def test_checks_trust_whom_requests_trust(make_steward, tmp_path):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=DNS:localhost", "-out", chain, "-keyout", key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = Provider()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}"
    steward = make_steward(models=[{"name": "rehearsal", "upstreams": [
        {"name": "trusted", "url": url, "priority": 1, "health": CHECK, "authorities_file": str(chain)},
        {"name": "stranger", "url": url, "priority": 0, "health": CHECK}]}])
    assert wait_until(lambda: metric(steward, "steward_upstream_unhealthy", upstream="stranger") == 1)
    assert metric(steward, "steward_upstream_health_checks_total", upstream="trusted", result="failed") == 0
    assert steward.text() == ("Good.", "stop")
    assert metric(steward, "steward_upstream_unhealthy", upstream="trusted") == 0


def test_nobody_is_checked_unasked_and_shutdown_waits_for_no_check(make_steward):
    silent, checked = Provider(), Provider()
    checked.health_delay = 30
    steward = make_steward(models=[{"name": "rehearsal", "upstreams": [
        {"name": "silent", "url": silent.url},
        {"name": "checked", "url": checked.url, "health": {"interval": "100ms", "timeout": "40s"}}]}])
    assert wait_until(lambda: checked.checked)
    began = time.monotonic()
    assert steward.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 10
    assert not silent.checked
