"""Clients that take their answers slowly, not at all, or say that they will ask no more: who takes gets all of it, the
others cost nothing for long."""

import json
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from harness import Canned, chat_body, get, wait_until

# More than the system's buffers hold.
ANSWER_BYTES = 6_000_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-out", chain, "-keyout", key], check=True, capture_output=True)
    return {"certificate_chain": str(chain), "private_key": str(key)}


@pytest.fixture(scope="module")
def canned():
    server = Canned()
    message = {"role": "assistant", "content": "The quiet river goes by. " * (ANSWER_BYTES // 25)}
    server.say({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "small",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def make(make_steward, certificate, canned):
    def make(is_tls=False, **times):
        gateway = {"http": times} | ({"tls": certificate} if is_tls else {})
        models = [{"name": "small", "upstreams": [{"name": "canned", "url": canned.url}]}]
        return make_steward(upstream=canned.url, models=models, settings={"gateway": gateway})
    return make


def connect(steward, is_tls=False):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.settimeout(40)
    connection.connect(steward.address)
    if is_tls:
        connection = ssl._create_unverified_context().wrap_socket(connection)
    return connection


def ask(steward, *fields):
    """The bytes of a request for a large answer."""
    body = chat_body(model="small").encode()
    fields = [*fields, "content-type: application/json", f"content-length: {len(body)}"]
    return steward.head(fields=fields) + body


def take(connection, bytes_per_s, least=ANSWER_BYTES):
    """Takes at least so many bytes at that rate, or what there is."""
    taken, begin = 0, time.monotonic()
    while taken < least and (piece := connection.recv(65_536)):
        taken += len(piece)
        time.sleep(max(0, taken / bytes_per_s - (time.monotonic() - begin)))
    return taken


def end_half(connection):
    """Says that nothing more comes. TLS's own method would forget its keys."""
    socket.socket.shutdown(connection, socket.SHUT_WR)


def connections(steward):
    return int(re.search(r"^steward_connections (\d+)", get(steward.telemetry + "/metrics")[1], re.M).group(1))


# Slow enough that a connection cut after a second, and TLS's five seconds for a goodbye, are over before the end.
@pytest.mark.parametrize(("is_tls", "fields"), [(False, []), (True, []), (True, ["connection: close"])])
def test_who_reads_slowly_gets_all(make, is_tls, fields):
    steward = make(is_tls, write_timeout="1s", keep_alive_timeout="1s")
    with connect(steward, is_tls) as connection:
        connection.sendall(ask(steward, *fields))
        assert take(connection, 500_000) >= ANSWER_BYTES


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("fields", [[], ["connection: close"]])
def test_who_reads_nothing_is_cut(make, is_tls, fields):
    steward = make(is_tls, write_timeout="1s", keep_alive_timeout="1m")
    with connect(steward, is_tls) as connection:
        connection.sendall(ask(steward, *fields))
        assert wait_until(lambda: connections(steward) == 1, 3)
        # Judging so much text takes a debug build some seconds, and TLS waits some for the other side's goodbye.
        assert wait_until(lambda: connections(steward) == 0, 40)


@pytest.mark.parametrize("key", [None, "stw_live_nonsense"])
def test_who_asks_on_and_on_and_reads_nothing_fills_no_memory(make, key):
    steward = make(write_timeout="3s")
    before, begin = steward.program.resident_bytes(), time.monotonic()
    with connect(steward) as connection:
        connection.settimeout(0.5)
        # The system's buffers take the first millions of bytes.
        requests = steward.head("/v1/models", "GET", key=key) * 400
        with pytest.raises((TimeoutError, ConnectionError)):
            while time.monotonic() - begin < 20:
                connection.sendall(requests)
        assert steward.program.resident_bytes() - before < 60_000_000
        # A busy machine takes its time for what the system's buffers hold.
        assert wait_until(lambda: connections(steward) == 0, 20)


def test_an_answer_on_its_way_outlives_a_drain(make):
    steward = make()
    with connect(steward) as connection:
        connection.sendall(ask(steward))
        taken = take(connection, 10_000_000, least=1_000_000)
        steward.program.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert taken + take(connection, 10_000_000, least=ANSWER_BYTES - taken) >= ANSWER_BYTES
    assert steward.program.process.wait(15) == 0


def test_a_request_begun_while_a_large_answer_was_read_is_timed_out_as_any_other(make):
    steward = make(head_timeout="1s", keep_alive_timeout="20s", write_timeout="20s")
    with connect(steward) as connection:
        connection.sendall(ask(steward) + b"GET /v1/mod")
        answer = b""
        while b"request_timeout" not in answer[-2_000:] and (piece := connection.recv(1 << 20)):
            answer += piece
            begin = time.monotonic() if b"request_timeout" not in piece else begin
        assert time.monotonic() - begin < 4
        assert b" 408 " in answer[ANSWER_BYTES:]


def test_who_reads_a_pipelined_row_of_answers_late_gets_every_one(make):
    steward = make()
    with connect(steward) as connection:
        count = 2_000
        request = steward.head("/v1/models", "GET")
        connection.sendall(request * 200)
        answers, sent = b"", 200
        time.sleep(1)
        while answers.count(b"HTTP/1.1 200 OK") < count or not answers.endswith(b"}"):
            piece = connection.recv(65_536)
            assert piece
            answers += piece
            if sent < count:
                connection.sendall(request * 200)
                sent += 200
        bodies = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
        assert len(bodies) == count and all(body["object"] == "list" for body in bodies)


def test_half_a_request_at_the_end_of_each_piece_costs_no_memory(make):
    steward = make()
    fields = [f"x-{number}: {'a' * 900}" for number in range(30)]
    request = steward.head("/v1/models", "GET", fields=fields, key="stw_live_nonsense")
    half = len(request) // 2
    with connect(steward) as connection:
        connection.sendall(request[:half])
        before = steward.program.resident_bytes()
        for _ in range(2_000):
            connection.sendall(request[half:] + request[:half])
            assert connection.recv(65_536)
        assert steward.program.resident_bytes() - before < 30_000_000


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize(("path", "key", "status"), [
    ("/v1/models", None, 200), ("/v1/models", "stw_live_nonsense", 401), ("/v1/nothing", None, 404)])
def test_who_ends_its_half_gets_what_the_gateway_answers_itself(make, is_tls, path, key, status):
    steward = make(is_tls)
    with connect(steward, is_tls) as connection:
        connection.sendall(steward.head(path, "GET", key=key))
        end_half(connection)
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answers.startswith(b"HTTP/1.1 %d " % status) and answers.endswith(b"}")


@pytest.mark.parametrize("is_tls", [False, True])
def test_who_ends_its_half_gets_all_of_an_answer_that_has_begun(make, is_tls):
    steward = make(is_tls)
    with connect(steward, is_tls) as connection:
        connection.sendall(ask(steward))
        taken = take(connection, 10_000_000, least=1_000_000)
        end_half(connection)
        assert taken + take(connection, 10_000_000) >= ANSWER_BYTES
    assert wait_until(lambda: connections(steward) == 0, 8)


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("wait", [True, False])
def test_who_ends_its_half_while_the_model_works_has_left(make_steward, rehearsal, certificate, is_tls, wait):
    steward = make_steward(settings={"gateway": {"tls": certificate}} if is_tls else None)
    body = chat_body().encode()
    request = steward.head(fields=[f"content-length: {len(body)}", "x-rehearsal: ttft=2500ms"]) + body
    with connect(steward, is_tls) as connection:
        connection.sendall(request)
        assert not wait or wait_until(lambda: rehearsal.requests() == 1)
        end_half(connection)
        begin = time.monotonic()
        record = wait_until(steward.records)[0]
        # The model would have answered later than that.
        assert record["outcome"] == "client_left" and time.monotonic() - begin < 2
        assert record["input_tokens"] > 0 or not wait
    assert not rehearsal.requests() or wait_until(lambda: rehearsal.observations()["cancellations"], 3)


# Longer than any machine screens before it looks whether somebody waits.
DIGITS = "4 1 1 1 " * 500_000
LONG = {
    "one long prompt": ("/v1/chat/completions", json.loads(chat_body(DIGITS))),
    "a moderation of one text": ("/v1/moderations", {"input": DIGITS}),
    "a moderation of many": ("/v1/moderations", {"input": [DIGITS[:8_000]] * 500}),
}


@pytest.mark.parametrize("ends", [socket.socket.close, end_half])
@pytest.mark.parametrize("name", LONG)
def test_who_leaves_while_much_is_screened_has_left(make_steward, rehearsal, name, ends):
    steward = make_steward()
    path, body = LONG[name]
    body = json.dumps(body).encode()
    connection = connect(steward)
    connection.sendall(steward.head(path, fields=["content-type: application/json", f"content-length: {len(body)}"]))
    connection.sendall(body)
    ends(connection)
    record = wait_until(steward.records)[0]
    assert (record["outcome"], record["status"]) == ("client_left", 499)
    assert rehearsal.requests() == 0
    connection.close()
