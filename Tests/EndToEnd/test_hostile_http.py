"""What arrives may be anything. Each case gets its own clear answer, and nothing is held that need not be."""

import contextlib
import json
import threading
import time

import pytest
from harness import RawAnswer, Steward, chat_body, wait_until

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory, rehearsal_server):
    server = Steward(tmp_path_factory.mktemp("strict"), upstream=rehearsal_server.url, settings={"gateway": {"http": {
        "body_bytes_max": "1MiB", "bytes_in_flight_max": "2MiB", "connections_max": 4, "head_timeout": "1s",
        "body_timeout": "2s", "keep_alive_timeout": "1500ms"}}})
    yield server
    server.stop()


@pytest.fixture
def strict(strict_server, rehearsal):
    """A Steward with small bounds and short times."""
    return strict_server


def framed(steward, fields, body=b"{}"):
    return steward.raw(steward.head(fields=fields) + body)


def test_a_body_of_100_mb_is_refused_without_being_held(steward, rehearsal):
    before = steward.program.resident_bytes()
    answer = steward.raw(
        steward.head(fields=["content-length: 104857600"]), pieces=(b"x" * MEGABYTE for _ in range(100)), within=30)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert steward.program.resident_bytes() - before < 16 * MEGABYTE
    assert rehearsal.requests() == 0


def test_a_chunked_body_of_100_mb_is_refused_at_its_bound(strict, rehearsal):
    before = strict.program.resident_bytes()
    chunk = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"
    answer = strict.raw(
        strict.head(fields=["transfer-encoding: chunked"]), pieces=(chunk for _ in range(100)), within=30)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert strict.program.resident_bytes() - before < 16 * MEGABYTE
    assert rehearsal.requests() == 0


def test_a_strangers_body_is_never_buffered(steward):
    before = steward.program.resident_bytes()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 30000000\r\n\r\n"
    answer = steward.raw(head, pieces=(b"x" * MEGABYTE for _ in range(28)), within=30)
    assert (answer.status, answer.error["code"]) == (401, "missing_api_key")
    assert steward.program.resident_bytes() - before < 8 * MEGABYTE


@pytest.mark.parametrize("fields", [
    ["x-filler: " + "x" * 40_000], [f"x-filler-{i}: {'x' * 500}" for i in range(90)], [f"x-{i}: 1" for i in range(200)],
])
def test_huge_heads_are_refused(steward, fields):
    answer = framed(steward, fields)
    assert (answer.status, answer.error["code"]) == (431, "headers_too_large")


def test_a_head_that_never_ends_is_refused_at_its_bound(steward):
    answer = steward.raw(b"POST / HTTP/1.1\r\n", pieces=(b"x-a: " + b"y" * 1_000 + b"\r\n" for _ in range(100)))
    assert answer.status == 431


def test_a_slow_head_is_timed_out(strict):
    with strict.connection() as connection:
        begin = time.monotonic()
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
        connection.settimeout(0.1)
        answer = None
        # One byte now and then keeps a head alive only where its time is not counted from its beginning.
        for byte in b"x-slow: " + b"a" * 100:
            try:
                connection.sendall(bytes([byte]))
                if connection.recv(1, 2):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        connection.settimeout(5)
        answer = RawAnswer.read(connection)
        assert time.monotonic() - begin < 4
        assert answer and (answer.status, answer.error["code"]) == (408, "request_timeout")


def test_a_slow_body_is_timed_out(strict, rehearsal):
    answer = strict.raw(strict.head(fields=["content-length: 1000"]) + b"{", within=5)
    assert (answer.status, answer.error["code"]) == (408, "request_timeout")
    assert rehearsal.requests() == 0


def test_an_idle_connection_is_closed_without_a_word(strict):
    with strict.connection(5) as connection:
        assert connection.recv(1) == b""


def after_an_answer(steward, begun):
    """What follows an answer when no more than `begun` is sent, and after how many seconds."""
    with steward.connection(8) as connection:
        connection.sendall(steward.head("/v1/models", "GET"))
        assert RawAnswer.read(connection).status == 200
        connection.sendall(begun)
        begin = time.monotonic()
        return RawAnswer.read(connection), time.monotonic() - begin


def test_after_an_answer_silence_and_a_slow_head_are_timed_out_alike(strict):
    answer, seconds = after_an_answer(strict, b"")
    assert answer is None and 1.4 < seconds < 4
    answer, seconds = after_an_answer(strict, b"GET /v1/mod")
    assert answer.status == 408 and 0.9 < seconds < 4


def test_whether_an_answer_was_taken_is_asked_before_silence_is_timed_out(make_steward):
    steward = make_steward(settings={"gateway": {"http": {
        "write_timeout": "500ms", "head_timeout": "1s", "keep_alive_timeout": "3s"}}})
    answer, seconds = after_an_answer(steward, b"")
    assert answer is None and 2.5 < seconds < 5
    answer, seconds = after_an_answer(steward, b"GET /v1/mod")
    assert answer.status == 408 and 0.9 < seconds < 2.5


def test_a_request_begun_before_the_answer_is_timed_out_after_it(strict):
    with strict.connection(8) as connection:
        connection.sendall(strict.head("/v1/models", "GET") + b"GET /v1/mod")
        assert RawAnswer.read(connection).status == 200
        answer = RawAnswer.read(connection)
        assert answer and answer.status == 408


AMBIGUOUS = {
    "length and chunked": ["content-length: 2", "transfer-encoding: chunked"],
    "chunked and length": ["transfer-encoding: chunked", "content-length: 2"],
    "two lengths": ["content-length: 2", "content-length: 3"],
    "two equal lengths": ["content-length: 2", "content-length: 2"],
    "a list of lengths": ["content-length: 2, 2"],
    "a negative length": ["content-length: -2"],
    "a signed length": ["content-length: +2"],
    "a length in hexadecimal": ["content-length: 0x2"],
    "a length of words": ["content-length: two"],
    "no length in the field": ["content-length: "],
    "a length beyond all numbers": ["content-length: 99999999999999999999"],
    "two codings": ["transfer-encoding: chunked", "transfer-encoding: chunked"],
    "a space before the colon": ["content-length : 2"],
    "a folded line": ["x-a: b\r\n c"],
    "a name with a space": ["x a: b", "content-length: 2"],
    "an empty name": [": b", "content-length: 2"],
    "a NUL in a value": ["x-a: b\0c", "content-length: 2"],
    "a bare CR in a value": ["x-a: b\rc", "content-length: 2"],
    "two hosts": ["host: other", "content-length: 2"],
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_two_servers_could_read_differently_is_refused(steward, rehearsal, name):
    answer = framed(steward, AMBIGUOUS[name])
    assert (answer.status, answer.error["code"]) == (400, "malformed_http"), answer
    assert answer.is_closed
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunked;a=b"])
def test_other_transfer_codings_are_not_taken(steward, rehearsal, coding):
    answer = framed(steward, [f"transfer-encoding: {coding}"])
    assert answer.status in (400, 501)
    assert answer.is_closed
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("data", [
    b"POST /v1/models HTTP/1.1\nhost: h\n\n", b"GET /v1/models HTTP/1.1\r\nhost: h\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nno colon\r\n\r\n", b"GET  /v1/models HTTP/1.1\r\nhost: h\r\n\r\n",
    b"GET /v1/models HTTP/1.1 extra\r\nhost: h\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\n\r\n", b"G\x00T / HTTP/1.1\r\nhost: h\r\n\r\n", b"GET http://a/v1/models HTTP/1.1\r\nhost: h\r\n\r\n",
])
def test_heads_that_are_not_http_are_refused(steward, data):
    answer = steward.raw(data, within=15, end=True)
    assert answer is None or answer.status in (400, 505), answer
    assert answer is None or answer.is_closed


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "ICY/1.1"])
def test_other_versions_are_refused(steward, version):
    answer = steward.raw(f"GET /v1/models {version}\r\nhost: h\r\n\r\n".encode())
    assert answer.status in (400, 505)


def test_a_chunked_body_is_read(steward, rehearsal):
    body = chat_body("In chunks.").encode()
    pieces = [body[i:i + 7] for i in range(0, len(body), 7)]
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    answer = framed(steward, ["transfer-encoding: chunked"], data)
    assert answer.status == 200
    assert rehearsal.last_body()["messages"][0]["content"] == "In chunks."


@pytest.mark.parametrize("data", [
    b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n",
    b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
])
def test_broken_chunks_are_refused(steward, rehearsal, data):
    answer = framed(steward, ["transfer-encoding: chunked"], data)
    assert (answer.status, answer.error["code"]) == (400, "malformed_http"), answer
    assert answer.is_closed
    assert rehearsal.requests() == 0


def test_bytes_behind_a_broken_chunk_are_never_read_as_a_request(steward, rehearsal):
    body = chat_body("Smuggled.").encode()
    second = steward.head(fields=[f"content-length: {len(body)}"]) + body
    with steward.connection() as connection:
        connection.sendall(steward.head(fields=["transfer-encoding: chunked"]) + b"zz\r\n")
        assert RawAnswer.read(connection).status == 400
        with contextlib.suppress(ConnectionError):
            connection.sendall(second)
            assert RawAnswer.read(connection) is None
    assert rehearsal.requests() == 0


def test_expect_100_continue_is_answered_before_the_body_is_sent(steward, rehearsal):
    body = chat_body().encode()
    with steward.connection() as connection:
        connection.sendall(steward.head(fields=[f"content-length: {len(body)}", "expect: 100-continue"]))
        assert connection.recv(64).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert RawAnswer.read(connection).status == 200


def test_a_stranger_who_expects_100_continue_is_refused_before_sending(steward):
    with steward.connection() as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "x-anything"])
def test_encoded_bodies_are_refused(steward, rehearsal, coding):
    answer = steward.post(chat_body(), fields=[f"content-encoding: {coding}"])
    assert (answer.status, answer.error["code"]) == (415, "encoded_body")
    assert rehearsal.requests() == 0


def test_an_identity_coding_is_none(steward):
    assert steward.post(chat_body(), fields=["content-encoding: identity"]).status == 200


def test_pipelined_requests_are_answered_in_order(steward):
    requests = b""
    for number in range(5):
        body = chat_body(f"Number {number}.").encode()
        requests += steward.head(fields=[f"content-length: {len(body)}", f"x-rehearsal: style=echo;ttft={(5 - number) * 20}ms"]) + body
    with steward.connection() as connection:
        connection.sendall(requests)
        reader = connection.makefile("rb")
        for number in range(5):
            assert reader.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := reader.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert json.loads(reader.read(length))["choices"][0]["message"]["content"] == f"Number {number}."


def test_a_request_smuggled_behind_a_refused_one_is_never_read(steward, rehearsal):
    body = chat_body("Smuggled.").encode()
    second = steward.head(fields=[f"content-length: {len(body)}"]) + body
    with steward.connection() as connection:
        connection.sendall(steward.head(fields=["content-length: 2", "transfer-encoding: chunked"]) + second)
        assert RawAnswer.read(connection).status == 400
        connection.settimeout(6)
        assert connection.recv(1) == b""
    assert rehearsal.requests() == 0


def test_http_1_0_is_answered_and_closed(steward):
    body = chat_body().encode()
    head = steward.head(fields=[f"content-length: {len(body)}"]).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = steward.raw(head + body)
    assert answer.status == 200


def test_connections_beyond_the_bound_are_told_so(strict):
    held = [strict.connection() for _ in range(4)]
    try:
        time.sleep(0.3)
        answer = strict.raw(strict.head("/v1/models", "GET"))
        assert (answer.status, answer.error["code"]) == (503, "overloaded")
        assert int(answer.fields["retry-after"]) > 0
    finally:
        for connection in held:
            connection.close()
    assert wait_until(lambda: strict.raw(strict.head("/v1/models", "GET")).status == 200)


def test_bodies_beyond_all_that_may_be_held_are_refused_with_a_time_to_come_back(strict):
    def answer_among_others():
        """To a body that comes while others are held, which wait for the rest of theirs for two seconds."""
        with contextlib.ExitStack() as held:
            for _ in range(3):
                connection = held.enter_context(strict.connection())
                connection.sendall(strict.head(fields=["content-length: 1000000"]) + b" " * 900_000)
                # One after the other, or two that reach the bound together are both refused, and make room.
                time.sleep(0.2)
            return strict.raw(strict.head(fields=["content-length: 1000000"]) + b" " * 900_000)

    # On a busy machine the others may have been told that their time is over.
    answer = wait_until(lambda: (a := answer_among_others()).status != 408 and a, 30)
    assert (answer.status, answer.error["code"]) == (503, "overloaded")
    assert "retry-after" in answer.fields
    assert wait_until(lambda: strict.post(chat_body()).status == 200)


def test_the_server_lives_after_all_that(steward):
    assert steward.chat().choices[0].message.content


def test_what_follows_a_request_is_not_taken_before_its_answer(steward):
    """The kernels hold some of it; the gateway holds next to nothing."""
    before = steward.program.resident_bytes()
    body = chat_body("Wait.").encode()
    head = steward.head(fields=["x-rehearsal: ttft=1200ms", f"content-length: {len(body)}"])
    with steward.connection() as connection:
        connection.sendall(head + body)
        connection.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200 * MEGABYTE:
                sent += connection.send(b"x" * MEGABYTE)
        assert sent < 32 * MEGABYTE
        connection.settimeout(10)
        assert RawAnswer.read(connection).status == 200
    assert steward.program.resident_bytes() - before < 16 * MEGABYTE


def test_bodies_that_are_only_announced_take_nothing(strict):
    """Each of these declares half of what may be in flight, and sends none of it."""
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(strict.connection())
            connection.sendall(strict.head(fields=["content-length: 1000000"]))
        time.sleep(0.3)
        assert strict.post(chat_body()).status == 200


def test_a_body_of_a_million_values_is_refused(steward, rehearsal):
    answer = steward.post(b'{"model": "rehearsal", "messages": [' + b"0," * 1_100_000 + b"0]}")
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert rehearsal.requests() == 0


def test_moderations_take_a_bounded_number_of_inputs(steward):
    answer = steward.post(json.dumps({"input": [""] * 10_001}), path="/v1/moderations")
    assert (answer.status, answer.error["param"]) == (400, "input")


def test_a_scheme_is_parted_from_its_key_by_a_space(steward):
    for scheme, status in (("Bearer ", 200), ("bearer  ", 200), ("BearerX", 401), ("Bearer", 401)):
        answer = steward.raw(
            f"GET /v1/models HTTP/1.1\r\nhost: h\r\nauthorization: {scheme}{steward.key}\r\n\r\n".encode())
        assert answer.status == status, scheme


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/moderations"])
def test_one_callers_long_text_does_not_make_the_others_wait(make_steward, path):
    steward = make_steward({"gateway": {"threads": 1}})
    text = "4111 1111 1111 1111 and so on. " * 20_000
    body = chat_body(text) if path.endswith("completions") else json.dumps({"input": text})
    done = threading.Event()

    def ask():
        steward.raw(steward.head(path, fields=[f"content-length: {len(body)}"]) + body.encode(), within=120)
        done.set()

    thread = threading.Thread(target=ask)
    thread.start()
    waits = []
    while not done.is_set():
        begin = time.monotonic()
        assert steward.client().models.list().data
        waits.append(time.monotonic() - begin)
    thread.join()
    # Were it screened in one go, one of the others would have waited for nearly all of it.
    assert len(waits) >= 4 and max(waits) < sum(waits) / 2
