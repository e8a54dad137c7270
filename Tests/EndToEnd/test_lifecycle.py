"""Starting, draining, dying and a full disk: no answer without a record, no word cut without need."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import openai
import pytest
from harness import RawAnswer, get, wait_until


def test_the_ready_file_is_private_and_tells_the_way(make_steward):
    steward = make_steward()
    assert steward.ready_mode == 0o600
    assert set(steward.ready) == {"gateway", "desk", "telemetry", "pid", "sandbox_key"}
    assert steward.ready["pid"] == steward.program.pid
    assert steward.key.startswith("stw_sandbox_")
    assert (steward.data / "digest.key").stat().st_mode & 0o777 == 0o600
    assert steward.data.stat().st_mode & 0o777 == 0o700
    steward.stop(signal.SIGTERM)
    assert not steward.ready_file.exists(), "it tells of a gateway that is gone"
    steward.start()
    assert "sandbox_key" not in steward.ready
    assert steward.text()[0]


def test_the_built_in_rehearsal_model_answers_and_takes_options(make_steward):
    steward = make_steward(upstream=None)
    assert "rehearsal model" in steward.text()[0]
    text = "".join(choice.delta.content or "" for chunk in steward.chat(
        model="rehearsal-violating?violation=card&split=5", stream=True) for choice in chunk.choices)
    assert "[redacted:pii.card]" in text
    assert "rehearsal" in {model.id for model in steward.client().models.list()}


def test_a_drain_lets_streams_finish_and_takes_nothing_new(make_steward):
    steward = make_steward()
    open_connection = steward.connection()
    stream = steward.chat(options="rate=20;tokens=40", stream=True)
    iterator = iter(stream)
    next(iterator)
    steward.program.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: get(steward.telemetry + "/health/ready")[0] == 503, 3)

    def is_refused():
        """The desk's listener may hear of the shutdown a moment before the gateway's."""
        try:
            open_connection.sendall(steward.head("/v1/models", "GET"))
            answer = RawAnswer.read(open_connection)
        except ConnectionError:
            return True
        return answer is None or answer.status == 503

    assert wait_until(is_refused, 3)
    open_connection.close()
    with pytest.raises((openai.InternalServerError, openai.APIConnectionError)) as refused:
        steward.chat()
    if isinstance(refused.value, openai.InternalServerError):
        assert refused.value.code == "overloaded"
        assert int(refused.value.response.headers["retry-after"]) >= 1
    assert [c.finish_reason for chunk in iterator for c in chunk.choices][-1] == "stop"
    assert steward.program.process.wait(15) == 0
    record = steward.record(stream.response.headers["x-request-id"])
    assert (record["outcome"], record["output_tokens"]) == ("answered", 40)


def test_a_drain_is_told_in_the_words_of_the_api_that_was_asked(make_steward):
    steward = make_steward()
    stream = steward.chat(options="rate=20;tokens=40", stream=True)
    next(iter(stream))
    # Begun before, so these connections stay.
    begun = {path: steward.head(path, fields=["content-length: 2"]) for path in ("/v1/chat/completions", "/v1/messages")}
    connections = {path: steward.connection() for path in begun}
    for path, connection in connections.items():
        connection.sendall(begun[path][:20])
    # Once this is answered, they have been read.
    assert steward.text()[0]
    steward.program.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: "draining" in steward.program.text(), 3)
    answers = {}
    for path, connection in connections.items():
        connection.sendall(begun[path][20:] + b"{}")
        answers[path] = RawAnswer.read(connection)
    assert [answer.status for answer in answers.values()] == [503, 529]
    assert {answer.error["code"] for answer in answers.values()} == {"overloaded"}
    assert json.loads(answers["/v1/messages"].body)["type"] == "error"


def test_a_drain_ends_within_its_deadline(make_steward):
    steward = make_steward({"gateway": {"http": {"drain_timeout": "1s"}}})
    stream = steward.chat(options="rate=5;tokens=1000", stream=True)
    next(iter(stream))
    begin = time.monotonic()
    assert steward.stop(signal.SIGTERM, within=15) == 0
    assert time.monotonic() - begin < 8
    assert steward.record(stream.response.headers["x-request-id"])["outcome"] in ("interrupted", "client_left")


def test_a_second_process_does_not_serve_from_the_same_folder(make_steward):
    steward = make_steward()
    run = subprocess.run(
        [steward.program.arguments[0], "serve", "--config", steward.config, "--data", steward.data],
        capture_output=True, text=True, timeout=20)
    assert run.returncode == 75
    assert "--data" in run.stderr
    assert steward.text()[0]


def test_a_port_that_is_taken_is_said_in_words(make_steward, tmp_path):
    steward = make_steward()
    config = tmp_path / "taken.yaml"
    config.write_text(json.dumps({"gateway": {"port": steward.address[1]}, "desk": {"port": 0}, "telemetry": {"port": 0}}))
    run = subprocess.run(
        [steward.program.arguments[0], "serve", "--config", config, "--data", tmp_path / "other"],
        capture_output=True, text=True, timeout=30)
    assert run.returncode != 0
    assert str(steward.address[1]) in run.stderr and "in use" in run.stderr


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_under_load_leaves_no_answer_without_a_record(make_steward, seed):
    steward = make_steward()
    received, begun, stop = [], [], threading.Event()

    def load(stream):
        client = steward.client()
        while not stop.is_set():
            try:
                answer = client.chat.completions.with_raw_response.create(
                    model="rehearsal", messages=[{"role": "user", "content": "Hello."}], stream=stream, max_tokens=20,
                    extra_headers={"x-rehearsal": "rate=2000"})
                begun.append(answer.headers["x-request-id"])
                parsed = answer.parse()
                if stream:
                    list(parsed)
                received.append(answer.headers["x-request-id"])
            except openai.APIError:
                pass
            except Exception:
                if not stop.is_set():
                    time.sleep(0.01)

    threads = [threading.Thread(target=load, args=(number % 2 == 0,)) for number in range(6)]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: len(received) > 20, 30)
    time.sleep(seed * 0.37)
    steward.stop(signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    steward.start()
    wanted = {identifier.removeprefix("req_") for identifier in begun}

    def known():
        return {record["id"].removeprefix("req_"): record for record in steward.records()}

    wait_until(lambda: wanted <= set(known()), 15, 0.5)
    records = known()
    assert wanted - set(records) == set(), "answers without a record"
    assert all(records[i.removeprefix("req_")]["outcome"] == "answered" for i in received)
    # What was admitted and never settled is closed, and charged in full.
    broken = [r for r in records.values() if r["outcome"] == "interrupted"]
    assert all(r["output_tokens"] + r["input_tokens"] > 0 for r in broken)


def test_keys_and_limits_survive_kill_9(make_steward):
    steward = make_steward()
    steward.make_application("Lasting")
    _, key = steward.make_key("Lasting")
    steward.await_key(key)
    steward.stop(signal.SIGKILL)
    steward.start()
    assert steward.text(key=key)[0] and steward.text()[0]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(file):
    """Takes all that is left of the file's disk."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    for size in (65_536, 1):
        with contextlib.suppress(OSError):
            while os.write(descriptor, bytes(size)):
                pass
    os.close(descriptor)


def test_a_full_disk_fails_closed_turns_ready_red_and_recovers_by_itself(make_steward, small_disk):
    steward = make_steward(data=small_disk / "data")
    assert steward.text()[0]
    assert get(steward.telemetry + "/health/ready")[0] == 200
    filler = small_disk / "filler"
    fill(filler)
    refused = None

    def closed():
        nonlocal refused
        try:
            steward.chat("x" * 2_000)
        except openai.InternalServerError as error:
            refused = error
            return error.status_code == 503
        return False

    assert wait_until(closed, 60, 0), "served on although nothing could be recorded"
    assert refused.code in ("record_unavailable", "overloaded")
    assert int(refused.response.headers["retry-after"]) >= 1
    status, report = get(steward.telemetry + "/health/ready")
    assert status == 503 and "journal" in report or "store" in report
    assert get(steward.telemetry + "/health/live")[0] == 200
    filler.unlink()

    def open_again():
        try:
            return steward.chat()
        except openai.InternalServerError:
            return None

    answer = wait_until(open_again, 20, 0.2)
    assert answer, "did not recover"
    assert wait_until(lambda: get(steward.telemetry + "/health/ready")[0] == 200, 15, 0.2)
    # The store is tried again every few seconds; until then the journal keeps the records.
    assert wait_until(lambda: steward.command("records", "tail", check=False).returncode == 0, 20, 0.5)
    assert steward.record(answer._request_id)["outcome"] == "answered"


def test_an_answer_whose_admission_the_disk_refused_is_recorded_whole(make_steward, small_disk):
    """The disk is full when the request comes, and not any more when its answer does."""
    steward = make_steward(data=small_disk / "data")
    assert steward.text()[0]
    filler = small_disk / "filler"
    answers = []

    def ask():
        with contextlib.suppress(openai.InternalServerError):
            answers.append(steward.chat("x" * 2_000, options="ttft=1200ms"))

    for _ in range(4):
        fill(filler)
        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        filler.unlink()
        for thread in threads:
            thread.join()
    assert wait_until(lambda: steward.command("records", "tail", check=False).returncode == 0, 20, 0.5)
    for answer in answers:
        assert steward.record(answer._request_id)["outcome"] == "answered"


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_store_of_a_newer_version_is_refused_if_it_took_something_away(make_steward, is_refused):
    import sqlite3
    steward = make_steward()
    steward.stop(signal.SIGTERM)
    store = sqlite3.connect(steward.data / "steward.sqlite")
    tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE name LIKE '%migration%'")]
    assert tables, "no table of migrations"
    columns = [row[1] for row in store.execute(f"PRAGMA table_info({tables[0]})")]
    row = store.execute(f"SELECT {', '.join(columns)} FROM {tables[0]} LIMIT 1").fetchone()
    name = "99991231-1-from-the-future" + ("-contract" if is_refused else "")
    newer = [name if isinstance(value, str) and index == 0 else value for index, value in enumerate(row)]
    store.execute(f"INSERT INTO {tables[0]} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", newer)
    store.commit()
    store.close()
    if is_refused:
        with pytest.raises(AssertionError) as error:
            steward.start()
        assert "newer" in str(error.value)
    else:
        steward.start()
        assert steward.text()[1] == "stop"
