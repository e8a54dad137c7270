"""The servers that scripts/bench compares: how each is started, and what it costs."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

# About 300 bytes: what a model says to a short question.
ANSWER = json.dumps({
    "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_764_547_200, "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "The harbour answers the slow tide."},
                 "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 24, "completion_tokens": 9, "total_tokens": 33},
}, separators=(",", ":"))

# What prompts and streams say: prose with numbers, as a filter must look at.
TEXT = (
    "The morning boat leaves the north quay at half past six and calls at 3 islands before noon. Tickets are 12 euro each way; "
    "children under 10 travel free, and a day pass costs 24. In winter, from November to March, there are only 2 crossings a day, "
    "because the tide in the narrows runs at 5 knots and the old pier can't be used in a westerly wind. If you miss the last "
    "boat, ask at the harbour office: they keep 6 beds for travellers, and somebody will make you tea. "
)

# Messages of 1 KB in all.
BODY = json.dumps({
    "model": "bench", "max_tokens": 64, "temperature": 0.5,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant of a small harbour town."},
        {"role": "user", "content": (TEXT * 3)[:1024 - 52]},
    ],
}, separators=(",", ":"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    """A server process with its children. `threads` is how many event loops it has."""

    name = ""
    key = "none"

    def __init__(self, folder, threads, upstream):
        self.folder = Path(folder) / f"{self.name}-{threads}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.threads, self.upstream = threads, upstream
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.arguments(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, env=self.environment())
        self.await_ready()
        self.check()
        return self

    def environment(self):
        return {name: value for name, value in os.environ.items() if not name.startswith("STEWARD_")}

    def await_ready(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended: {(self.folder / 'log').read_text()[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"{self.name} does not listen: {(self.folder / 'log').read_text()[-2000:]}")

    def check(self):
        """Before anything is measured: a right answer."""
        request = urllib.request.Request(
            self.url + "/v1/chat/completions", BODY.encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.loads(answer.read())
        if said["choices"] != json.loads(ANSWER)["choices"] and self.name != "litellm":
            raise SystemExit(f"{self.name} changed the answer: {said}")

    def pids(self):
        """The process and all below it."""
        children = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """User and system time of all threads."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_bytes(self):
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in self.pids())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Nginx(Peer):
    def arguments(self):
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes {self.threads}; pid nginx.pid; error_log error.log warn;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                {self.http()}
            }}
        """)
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]


class Upstream(Nginx):
    """A model server that says the same at once."""

    name = "upstream"

    def http(self):
        return f"""
            server {{
                listen 127.0.0.1:{self.port} reuseport backlog=4096;
                location = /v1/chat/completions {{ default_type application/json; return 200 '{ANSWER}'; }}
                location = /v1/models {{ default_type application/json; return 200 '{{"object":"list","data":[{{"id":"bench","object":"model"}}]}}'; }}
            }}"""


class NginxProxy(Nginx):
    name = "nginx"

    def http(self):
        return f"""
            upstream model {{
                server 127.0.0.1:{self.upstream.port}; keepalive 256;
                keepalive_requests 1000000000; keepalive_timeout 600s;
            }}
            server {{
                listen 127.0.0.1:{self.port} reuseport backlog=4096;
                location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; }}
            }}"""


class Envoy(Peer):
    name = "envoy"

    def arguments(self):
        address = lambda port: {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench", "codec_type": "HTTP1",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "60s"}}]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        }
        (self.folder / "envoy.json").write_text(json.dumps({"static_resources": {
            "listeners": [{"name": "bench", "address": address(self.port), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": [{"name": "model", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
                "cluster_name": "model", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": address(self.upstream.port)}}]}]}}],
        }}))
        return [os.environ["ENVOY"], "-c", "envoy.json", "--concurrency", str(self.threads), "--use-dynamic-base-id",
                "--log-level", "warning"]


class Steward(Peer):
    """Every stage on, records kept; the limits are so high that they are counted but never reached."""

    name = "steward"

    def arguments(self):
        limits = {"requests_per_minute": 100_000_000, "tokens_per_minute": 100_000_000_000,
                  "concurrent_requests": 1_000_000, "tokens_per_day": 100_000_000_000_000}
        (self.folder / "steward.yaml").write_text(json.dumps({
            "gateway": {"port": self.port, "threads": self.threads}, "desk": {"port": 0}, "telemetry": {"port": 0},
            "limits": {"sandbox": limits, "production": limits, "organisation": limits},
            "models": [{"name": "bench", "upstreams": [{"name": "upstream", "url": self.upstream.url}]}],
        }))
        return [os.environ["STEWARD_BINARY"], "serve", "--config", "steward.yaml", "--data", "data", "--ready-file", "ready"]

    def await_ready(self):
        ready = self.folder / "ready"
        deadline = time.monotonic() + 60
        while not (ready.exists() and ready.stat().st_size):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"steward is not ready: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        self.ready = json.loads(ready.read_text())
        self.key = self.ready["sandbox_key"]


class LiteLLM(Peer):
    """With a key, without which it does not start; it has no store."""

    name = "litellm"

    def arguments(self):
        self.key = "sk-" + secrets.token_hex(32)
        (self.folder / "litellm.yaml").write_text(json.dumps({
            "general_settings": {"master_key": self.key},
            "model_list": [{"model_name": "bench", "litellm_params": {
                "model": "openai/bench", "api_base": self.upstream.url + "/v1", "api_key": "none"}}]}))
        return [os.environ["LITELLM"], "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", str(self.port),
                "--num_workers", str(self.threads), "--telemetry", "False"]

    def environment(self):
        # It would look for prices on the web, three times, while it serves.
        return super().environment() | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


PROXIES = {peer.name: peer for peer in (NginxProxy, Envoy, Steward, LiteLLM)}


def wrk(peer, connections, threads, seconds):
    """One measurement: what wrk saw, and what the peer spent on it."""
    environment = os.environ | {"BENCH_KEY": peer.key, "BENCH_BODY": BODY}
    before = peer.cpu_seconds()
    run = subprocess.run(
        ["wrk", "-t", str(min(threads, connections)), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s",
         "-s", str(Path(__file__).parent / "load.lua"), peer.url + "/v1/chat/completions"],
        env=environment, capture_output=True, text=True, check=True)
    spent = peer.cpu_seconds() - before
    result = json.loads(re.search(r"^RESULT (.*)$", run.stdout, re.M).group(1))
    if result["failed"]:
        raise SystemExit(f"{peer.name}: {result['failed']} requests failed.\n{run.stdout}")
    return {
        "requests": result["requests"],
        "requests_per_s": result["requests"] / (result["microseconds"] / 1e6),
        "p50_us": result["p50_us"], "p99_us": result["p99_us"],
        "cpu_us": spent * 1e6 / max(1, result["requests"]),
        "resident_mb": peer.resident_bytes() / 1e6,
    }
