"""A running Steward and a running rehearsal model, as the tests hold them in hand."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai

TOP = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("STEWARD_BINARY", TOP / ".build/debug/steward"))

# Limits that no test reaches by accident; those that mean to set their own.
UNLIMITED = dict.fromkeys(
    ["requests_per_minute", "tokens_per_minute", "concurrent_requests", "tokens_per_day"], "unlimited")


def wait_until(condition, within=10.0, every=0.02):
    """Polls until the condition holds; returns what it gave."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(every)


def get(url, within=5.0):
    """Status and text of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=within) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Program:
    """A process with a log file (standard error) and an output file, ended with the test."""

    def __init__(self, arguments, log, env=None, cwd=None):
        self.log = Path(log)
        self.arguments = [str(argument) for argument in arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STEWARD_")}
        self.output = self.log.with_suffix(".out")
        with open(self.log, "ab") as errors, open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                self.arguments, stdout=output, stderr=errors, stdin=subprocess.DEVNULL,
                env=environment | (env or {}), cwd=cwd)

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        """Both, errors last."""
        return self.output.read_text(errors="replace") + self.log.read_text(errors="replace")

    def resident_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def stop(self, with_signal=signal.SIGKILL, within=20):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(within)


def await_ready(program, file, within=120):
    """The contents of the ready file, once it is there."""
    def look():
        if program.process.poll() is not None:
            raise AssertionError(f"{program.arguments} ended with {program.process.returncode}:\n{program.text()[-4000:]}")
        return file.exists() and file.stat().st_size > 0

    assert wait_until(look, within), f"not ready after {within} s:\n{program.text()[-4000:]}"
    return json.loads(file.read_text())


class Rehearsal:
    """`steward rehearse`: the model server of the tests, which tells what it saw."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.program = Program([BINARY, "rehearse", "--port", "0"], folder / "rehearsal.log")
        pattern = re.compile(r"http://127\.0\.0\.1:\d+")
        assert wait_until(lambda: pattern.search(self.program.text()), 30), self.program.text()
        self.url = pattern.search(self.program.text()).group()

    def observations(self):
        return json.loads(get(self.url + "/rehearsal/v1/observations")[1])

    def requests(self):
        return self.observations()["requests"]

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(self.url + "/rehearsal/v1/reset", method="POST")).read()

    def last_body(self):
        return json.loads(self.observations()["last"]["body"])

    def last_headers(self):
        return {name.lower(): value for name, value in self.observations()["last"]["headers"]}

    def chat(self, prompt, options=""):
        """The text that the model says, asked without a gateway."""
        return openai.OpenAI(base_url=self.url + "/v1", api_key="none").chat.completions.create(
            model="rehearsal", messages=[{"role": "user", "content": prompt}],
            extra_headers={"x-rehearsal": options} if options else {}).choices[0].message.content

    def stop(self):
        self.program.stop()


class Canned(ThreadingHTTPServer):
    """A model server that answers every request with the same bytes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), CannedHandler)
        self.content_type, self.body, self.fields, self.asked = "application/json", b"{}", {}, None
        self.status = 200
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def say(self, value, status=200, **fields):
        self.content_type, self.fields, self.status = "application/json", fields, status
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()

    def stream(self, *events, **fields):
        self.content_type, self.fields, self.status = "text/event-stream", fields, 200
        self.body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


class CannedHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked = json.loads(body) if self.headers["content-type"] == "application/json" else body
        self.send_response(self.server.status)
        fields = {"content-type": self.server.content_type, "content-length": str(len(self.server.body))}
        for name, value in (fields | self.server.fields).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *arguments):
        pass


class Steward:
    """`steward serve` on free ports, with a folder of its own."""

    def __init__(self, folder, upstream=None, settings=None, models=None, env=None, data=None, start=True, flags=()):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = Path(data) if data else folder / "data"
        self.config = folder / "steward.yaml"
        self.env = env or {}
        self.flags = flags
        # YAML takes JSON as it is.
        self.config.write_text(json.dumps(self._settings(upstream, settings or {}, models), indent=1))
        # Behind a proxy that is trusted, each client is a stranger of its own to the guard against wrong keys.
        self.trusts_us = "trusted_proxies" in (settings or {}).get("gateway", {})
        self.program = None
        self.starts = 0
        if start:
            self.start()

    @staticmethod
    def _settings(upstream, settings, models):
        merged = {
            "gateway": {"port": 0}, "desk": {"port": 0}, "telemetry": {"port": 0}, "log": {"level": "debug"},
            "limits": {"sandbox": UNLIMITED, "production": UNLIMITED},
            # Tests of one Steward rehearse fault after fault.
            "resilience": {"breaker_failures": 0},
        }
        if upstream:
            server = {"url": upstream, "timeouts": {"first_byte": "1500ms", "idle": "1500ms", "total": "20s"}}
            merged["headers"] = {"to_upstream": ["x-rehearsal"]}
            merged["models"] = models or [{
                "name": "rehearsal",
                "aliases": ["rehearsal-alias"],
                "upstreams": [{"name": "rehearsal-server", **server}],
            }, {
                "name": "rehearsal-vision",
                "admit_unscreened": ["images", "audio"],
                "upstreams": [{"name": "vision-server", "model": "rehearsal", **server}],
            }]
        return merge(merged, settings)

    def start(self, within=120):
        self.starts += 1
        ready = self.folder / f"ready-{self.starts}.json"
        self.ready_file = ready
        self.program = Program(
            [BINARY, "serve", "--config", self.config, "--data", self.data, "--ready-file", ready, *self.flags],
            self.folder / "steward.log", env=self.env, cwd=self.folder)
        try:
            self.ready = await_ready(self.program, ready, within)
        except AssertionError:
            # A free port may be taken by somebody else before it is used.
            if "in use" in self.program.text() and self.starts < 3:
                return self.start(within)
            raise
        self.ready_mode = stat.S_IMODE(ready.stat().st_mode)
        self.gateway, self.desk, self.telemetry = (self.ready[name] for name in ("gateway", "desk", "telemetry"))
        if self.ready.get("sandbox_key"):
            self.key = self.ready["sandbox_key"]
        host, port = re.search(r"//([^:/]+):(\d+)", self.gateway).groups()
        self.address = (host, int(port))
        return self

    def stop(self, with_signal=signal.SIGKILL, within=20):
        return self.program.stop(with_signal, within)

    # Commands

    def command(self, *arguments, check=True):
        run = subprocess.run(
            [BINARY, *arguments, "--data", self.data, "--config", self.config], capture_output=True, text=True,
            cwd=self.folder, env={**os.environ, **self.env}, timeout=60)
        assert not check or run.returncode == 0, f"{arguments} ended with {run.returncode}: {run.stderr}{run.stdout}"
        return run

    def ask(self, *arguments):
        """What a command prints as JSON."""
        return json.loads(self.command(*arguments, "--json").stdout)

    def records(self, count=1_000_000):
        return [json.loads(line) for line in self.command("records", "tail", "-n", str(count), "--json").stdout.splitlines()]

    def record(self, request_id):
        """The record of an exchange, once it has reached the store."""
        identifier = request_id.removeprefix("req_")

        def look():
            # A store's first record of a month makes a file for it; a look before that finds none.
            run = self.command("records", "tail", "-n", "1000000", "--json", check=False)
            records = [json.loads(line) for line in run.stdout.splitlines()]
            return [r for r in records if r["id"].removeprefix("req_") == identifier]

        found = wait_until(look, 10, 0.2)
        assert found, f"no record of {request_id}"
        return found[-1]

    def make_application(self, name, stage="sandbox"):
        organisation = f"Organisation of {name}"
        self.command("organisations", "create", organisation)
        return self.ask("applications", "create", name, "--organisation", organisation, "--stage", stage)

    def make_key(self, application, *options, name="a key"):
        """A key's id and text; a running server has it when this returns."""
        made = self.ask("keys", "create", "--application", application, "--name", name, *options)
        return made["key"]["id"], made["secret"]

    # Clients

    def client(self, key=None, **options):
        if self.trusts_us:
            address = ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])
            options.setdefault("default_headers", {})["x-forwarded-for"] = address
        return openai.OpenAI(
            base_url=self.gateway + "/v1", api_key=key or self.key,
            **({"max_retries": 0, "timeout": 30} | options))

    def chat(self, prompt="Say something.", options="", key=None, model="rehearsal", client=None, **more):
        return (client or self.client(key)).chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}],
            extra_headers={"x-rehearsal": options} if options else {}, **more)

    def text(self, prompt="Say something.", options="", stream=False, **more):
        """The text of an answer, streamed or not, and its finish reason."""
        answer = self.chat(prompt, options, stream=stream, **more)
        if not stream:
            return answer.choices[0].message.content, answer.choices[0].finish_reason
        pieces, reason = [], None
        for chunk in answer:
            for choice in chunk.choices:
                pieces.append(choice.delta.content or "")
                reason = choice.finish_reason or reason
        return "".join(pieces), reason

    def await_key(self, key, accepted=True, within=3.0):
        """Seconds until the running server accepts the key, or no longer does."""
        begin = time.monotonic()
        # Changes are looked for four times a second; wrong keys are not answered for ever.
        time.sleep(0.3)

        def look():
            try:
                # Is refused before it counts as a request, so that the tests of limits begin at nothing.
                self.chat(key=key, model="nobody-serves-this")
            except openai.NotFoundError:
                return accepted
            except openai.AuthenticationError:
                return not accepted
            except openai.PermissionDeniedError:
                return True
        assert wait_until(look, within, 0.1), "the server did not notice"
        return time.monotonic() - begin

    def raw(self, data=b"", pieces=(), within=10.0, end=False):
        """Sends bytes as they are; gives what comes back until the answer is whole or the connection ends."""
        with self.connection(within) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
                for piece in pieces:
                    connection.sendall(piece)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            return RawAnswer.read(connection)

    def connection(self, within=10.0):
        return socket.create_connection(self.address, timeout=within)

    def head(self, path="/v1/chat/completions", method="POST", fields=(), key=None):
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {key or self.key}", *fields]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def post(self, body, path="/v1/chat/completions", fields=()):
        body = body if isinstance(body, bytes) else body.encode()
        fields = [*fields, "content-type: application/json", f"content-length: {len(body)}"]
        return self.raw(self.head(path, fields=fields) + body)


class RawAnswer:
    """An answer as it stood on the wire."""

    def __init__(self, status, fields, body, is_closed):
        self.status, self.fields, self.body, self.is_closed = status, fields, body, is_closed

    def __repr__(self):
        return f"RawAnswer({self.status}, {self.fields}, {self.body[:400]!r})"

    @property
    def error(self):
        return json.loads(self.body)["error"]

    @classmethod
    def read(cls, connection):
        """One answer; None where the connection ends without one. Skips a 100."""
        reader = connection.makefile("rb")
        while True:
            try:
                line = reader.readline()
            except (ConnectionError, TimeoutError):
                line = b""
            if not line:
                return None
            status = int(line.split()[1])
            fields = {}
            while (line := reader.readline().strip()):
                name, _, value = line.decode().partition(":")
                fields[name.lower()] = value.strip()
            if status != 100:
                break
        if "content-length" in fields:
            body = reader.read(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            body = b""
            while (size := int(reader.readline() or b"0", 16)):
                body += reader.read(size)
                reader.readline()
            reader.readline()
        else:
            body = b""
        return cls(status, fields, body, fields.get("connection", "").lower() == "close")


def merge(base, over):
    merged = dict(base)
    for name, value in over.items():
        merged[name] = merge(merged[name], value) if isinstance(value, dict) and isinstance(merged.get(name), dict) else value
    return merged


def chat_body(prompt="Say something.", **more):
    return json.dumps({"model": "rehearsal", "messages": [{"role": "user", "content": prompt}]} | more)
