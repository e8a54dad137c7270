"""Several gateways on one PostgreSQL are one Steward: keys, revocations and records are everybody's."""

import os
import secrets
import signal
import subprocess
import threading
import time

import openai
import pytest
from harness import BINARY, get, merge, wait_until
from postgres import PROGRAMS, Postgres
from test_docs import commands, output_of, shell  # noqa: F401

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL's server is not installed: apt-get install postgresql")


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def make_pair(make_steward, postgres, tmp_path):
    """Two gateways with data folders of their own on one new database."""
    def make(**settings):
        url = postgres.make_database()
        digest_key = tmp_path / "shared-digest.key"
        digest_key.write_text(secrets.token_hex(32))
        digest_key.chmod(0o600)
        shared = {"database": {"url": url}, "keys": {"digest_key_file": str(digest_key)}}
        first, second = make_steward(merge(shared, settings)), make_steward(merge(shared, settings))
        # The first run's key was shown by the first alone.
        assert "sandbox_key" not in second.ready
        second.key = first.key
        return first, second
    return make


def seconds_until(condition, within=5):
    begin = time.monotonic()
    assert wait_until(condition, within, 0.02), f"not within {within} s"
    return time.monotonic() - begin


def is_accepted(steward, key):
    try:
        steward.chat(key=key, model="nobody-serves-this")
    except openai.NotFoundError:
        return True
    except openai.AuthenticationError:
        return False


def test_a_key_made_on_one_works_and_is_revoked_on_the_other_within_a_second(make_pair):
    first, second = make_pair()
    first.make_application("Help desk")
    for maker, server in [(first, second), (second, first)]:
        identifier, key = maker.make_key("Help desk")
        assert seconds_until(lambda: is_accepted(server, key)) < 1
        assert server.text(key=key)[0]
        maker.command("keys", "revoke", identifier)
        assert seconds_until(lambda: not is_accepted(server, key)) < 1
        assert seconds_until(lambda: not is_accepted(maker, key)) < 1
    assert not (first.data / "steward.sqlite").exists()
    assert not (first.data / "records").exists()


def test_records_of_both_are_in_one_list_each_once(make_pair):
    first, second = make_pair()
    for _ in range(5):
        first.text()
        second.text()
    for steward in (first, second):
        assert wait_until(lambda: len(steward.records()) >= 10, 10, 0.2)
        assert len({record["id"] for record in steward.records()}) == len(steward.records()) == 10
    first.stop(signal.SIGTERM)
    second.stop(signal.SIGTERM)
    usage = second.ask("usage")
    assert sum(day["requests"] for day in usage) == 10


def test_a_killed_gateways_open_requests_are_closed_by_itself_alone(make_pair):
    """The other one, which starts again meanwhile, must not take them for its own."""
    first, second = make_pair()
    stream = iter(first.chat(options="rate=5;tokens=500", stream=True))
    next(stream)
    second.text()
    time.sleep(0.5)
    second.stop(signal.SIGKILL)
    second.start()
    second.text()
    assert wait_until(lambda: len(second.records()) == 2, 10, 0.2)
    assert {record["outcome"] for record in second.records()} == {"answered"}
    first.stop(signal.SIGKILL)
    first.start()
    assert wait_until(lambda: len(second.records()) == 3, 10, 0.2)
    assert sorted(record["outcome"] for record in second.records()) == ["answered", "answered", "interrupted"]


def test_a_server_killed_and_started_again_under_traffic_loses_no_record(make_pair, postgres):
    pair = make_pair()
    answered, failed, stop = [], [], threading.Event()

    def load(steward):
        client = steward.client()
        while not stop.is_set():
            try:
                answer = client.chat.completions.with_raw_response.create(
                    model="rehearsal", messages=[{"role": "user", "content": "Say something."}])
                answered.append(answer.headers["x-request-id"].removeprefix("req_"))
            except openai.APIError as error:
                failed.append(error)

    threads = [threading.Thread(target=load, args=[steward]) for steward in pair for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            time.sleep(1)
            postgres.kill()
            before = len(answered)
            time.sleep(1.5)
            # Nobody who calls notices that the store is away.
            assert len(answered) > before
            postgres.start()
        time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed, failed[:3]

    def ids():
        run = pair[0].command("records", "tail", "-n", "1000000", "--json", check=False)
        return [line.split('"id":"')[1].split('"')[0].removeprefix("req_") for line in run.stdout.splitlines()]

    assert wait_until(lambda: len(ids()) >= len(answered), 30, 0.5)
    assert sorted(ids()) == sorted(answered)
    for steward in pair:
        assert wait_until(lambda: get(steward.telemetry + "/health/ready")[0] == 200, 10)
        steward.stop(signal.SIGTERM)
    usage = pair[0].ask("usage")
    assert sum(day["requests"] for day in usage) == len(answered)


def test_a_server_that_hears_and_never_answers_turns_the_lamp_red(make_pair, postgres):
    first, second = make_pair(database={"statement_timeout": "3s"})
    assert first.text()[0] and second.text()[0]

    def status():
        return get(first.telemetry + "/health/ready")[0]

    assert status() == 200
    postgres.pause()
    try:
        assert seconds_until(lambda: status() == 503, 20) < 15
        # Nobody who calls notices.
        answered = first.chat()._request_id.removeprefix("req_")
        begin = time.monotonic()
        second.stop(signal.SIGTERM, within=60)
        # What is under way may take the statement's time and its slack, what follows that of a connection.
        assert time.monotonic() - begin < 25
    finally:
        postgres.resume()
    assert seconds_until(lambda: status() == 200, 20) < 10
    assert first.record(f"req_{answered}")


def test_the_password_is_nowhere(make_steward, postgres, tmp_path):
    url = postgres.make_database().replace("steward@", "steward:hunter2@")
    steward = make_steward(env={"STEWARD_DATABASE_URL": url})
    steward.text()
    shown = subprocess.run(
        [BINARY, "config", "show", "--json"], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, **steward.env}).stdout
    assert "hunter2" not in shown + steward.program.text() and "steward:[secret]@" in shown


@pytest.mark.parametrize("written", ["steward:hun?ter2@{}", "steward@{}?pass%77ord=hun?ter2", "steward:hun%2Fter2@{}"])
def test_a_password_is_shown_by_no_command_whatever_it_holds(make_steward, postgres, written, tmp_path):
    place = postgres.make_database().split("@")[1]
    steward = make_steward(env={"STEWARD_DATABASE_URL": "postgres://" + written.format(place)})
    steward.text()
    settings = subprocess.run(
        [BINARY, "config", "show", "--json"], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, **steward.env})
    for run in (settings, steward.command("database", "check")):
        assert "ter2" not in run.stdout + run.stderr and "steward:[secret]@127.0.0.1" in run.stdout
    assert "ter2" not in steward.program.text()


def test_a_password_that_would_be_read_as_something_else_is_refused(make_steward, tmp_path):
    steward = make_steward()
    run = steward.command("database", "check", "--database", "postgres://steward:hun/ter2@127.0.0.1/none", check=False)
    assert run.returncode == 78 and "%2F" in run.stderr and "ter2" not in run.stdout + run.stderr


def test_a_server_that_is_away_at_the_start_is_said_in_a_line(make_steward):
    steward = make_steward()
    run = steward.command("keys", "list", "--database", "postgres://steward@127.0.0.1:1/none", check=False)
    assert run.returncode == 69
    assert run.stderr.count("\n") == 1 and "127.0.0.1" in run.stderr


def test_a_backup_made_under_traffic_moves_the_store_to_postgresql(make_steward, postgres, tmp_path):
    old = make_steward()
    old.make_application("Help desk")
    _, key = old.make_key("Help desk")
    stop, answered = threading.Event(), []

    def load():
        while not stop.is_set():
            answered.append(old.chat()._request_id)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        assert wait_until(lambda: len(old.records(5)) == 5, 20, 0.2)
        backup = tmp_path / "steward.backup"
        old.command("database", "backup", str(backup))
        count = len(answered)
        assert wait_until(lambda: len(answered) > count)
    finally:
        stop.set()
        thread.join()
    url = postgres.make_database()
    # Tables without a row are no store yet.
    old.command("database", "migrate", "--database", url)
    restored = old.command("database", "restore", str(backup), "--database", url)
    assert str(backup) in restored.stdout
    again = old.command("database", "restore", str(backup), "--database", url, check=False)
    assert again.returncode == 64 and "--replace" in again.stderr
    new = make_steward({"database": {"url": url}, "keys": {"digest_key_file": str(old.data / "digest.key")}})
    assert new.text(key=key)[0]
    moved = {record["id"] for record in new.records()}
    assert len(moved & {record["id"] for record in old.records()}) >= 5
    checked = new.ask("database", "check")
    assert checked["engine"] == "postgres" and not checked["problems"] and len(checked["months"]) == 1


def test_the_guide_works_as_it_stands(shell, postgres):  # noqa: F811
    (block,) = commands("guides/postgresql.md")
    shell.environment["STEWARD_DATABASE_URL"] = postgres.make_database()
    output = output_of(shell, block)
    assert "Applied 20261126-2-record-partitions." in output
    assert "No damage was found." in output and "rows were written to steward.backup" in output
