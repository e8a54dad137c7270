"""Whether the loads notice what can't be: a relay between model and load spoils one thing at a time."""

import contextlib
import json
import re
import socket
import socketserver
import threading

from peers import BODY
from report import checked
from wire import Model, rate_load, stream_load

EVENT = re.compile(rb"[0-9a-f]+\r\ndata: \{.*?\n\n\r\n", re.S)


def fifth_event(change):
    """Changes the fifth event of an answer, which a model sends by itself."""
    seen = 0

    def spoil(piece):
        nonlocal seen

        def one(match):
            nonlocal seen
            seen += 1
            return change(match.group()) if seen == 5 else match.group()
        return EVENT.sub(one, piece)
    return spoil


class Cut(Exception):
    """The connection ends here."""


def cut(_):
    raise Cut


# What is done to an answer's bytes, for streams and for whole answers; and a piece of what must be said, or `None`.
STREAM_FAULTS = {
    "nothing": (lambda: lambda piece: piece, None),
    "an event lost": (lambda: fifth_event(lambda event: b""), "tokens"),
    "an event twice": (lambda: fifth_event(lambda event: event * 2), "before it was sent"),
    "a text changed in length": (
        lambda: fifth_event(lambda event: event.replace(b'"content":"', b'"contenT":"')), "tokens"),
    "an error in the stream": (
        lambda: fifth_event(lambda event: event.replace(b'"object"', b'"error" ')), "an error in a stream"),
    "another status": (lambda: lambda piece: piece.replace(b"200 OK", b"503 No"), "status 503"),
    "no end": (lambda: lambda piece: piece.replace(b"[DONE]", b"\"NOPE\""), "tokens"),
    "a stream broken off": (lambda: fifth_event(cut), "broke off"),
}
ANSWER_FAULTS = {
    "nothing": (lambda: lambda piece: piece, None),
    "another status": (lambda: lambda piece: piece.replace(b"200 OK", b"429 No"), "status 429"),
    "no length": (lambda: lambda piece: piece.replace(b"content-length", b"content-lengtX"), "without a length"),
    "another answer": (
        lambda: lambda piece: re.sub(rb"(content-length: )\d+\r\n\r\n.*", rb"\g<1>2\r\n\r\n{}", piece, flags=re.S), "2 bytes"),
}


class Relay:
    """Stands in a peer's place; every connection has its answer spoilt anew."""

    name, key = "relay", "none"

    def __init__(self, model, make):
        class Connection(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.create_connection(("127.0.0.1", model.port)) as upstream, contextlib.suppress(OSError, Cut):
                    threading.Thread(target=pump, args=(self.request, upstream), daemon=True).start()
                    pump(upstream, self.request, make())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.socket.close()

    def cpu_seconds(self):
        return 0

    def resident_bytes(self):
        return 0


def pump(source, sink, spoil=lambda piece: piece):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(spoil(piece))
        sink.shutdown(socket.SHUT_WR)


def complaint_of(load):
    try:
        load()
    except SystemExit as complaint:
        return str(complaint)
    return None


def run(folder):
    model = Model(folder, tokens_per_s=50).start()
    cases = [("stream", name, make, expected, lambda relay: stream_load(relay, model, 2, 1))
             for name, (make, expected) in STREAM_FAULTS.items()]
    cases += [("answer", name, make, expected, lambda relay: rate_load(relay, model.program, 50, 1, json.loads(BODY)))
              for name, (make, expected) in ANSWER_FAULTS.items()]
    failed = 0
    try:
        for kind, name, make, expected, load in cases:
            relay = Relay(model, make)
            said = complaint_of(lambda: load(relay))
            relay.stop()
            if not (expected in said if expected and said else said is expected):
                failed += 1
                print(f"{kind}, {name}: expected {expected!r}, got {said!r}")
    finally:
        model.stop()
    for value in (-1, float("nan"), float("inf")):
        if "can't be" not in (complaint_of(lambda: checked({"p50_us": value}, "x")) or ""):
            failed += 1
            print(f"{value} passed")
    print(f"bench: {len(cases) + 3 - failed} passed, {failed} failed")
    return 1 if failed else 0
