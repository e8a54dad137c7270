"""Two gateways on one PostgreSQL and one Redis, before two model servers, and what can go wrong with each of them."""

import contextlib
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from clock import Clock  # noqa: E402
from harness import BINARY, Program, Steward, get, wait_until  # noqa: E402
from postgres import Postgres, free_port  # noqa: E402
from test_shared_limits import Redis  # noqa: E402

REQUESTS_PER_MINUTE = 300
LEASE_PERCENT = 5


class ModelServer:
    """`steward rehearse` on a port that it keeps."""

    def __init__(self, folder, name):
        self.folder, self.name, self.port = folder, name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.program = Program([BINARY, "rehearse", "--port", self.port], self.folder / f"{self.name}.log")
        assert wait_until(lambda: self.answers(), 30), self.program.text()

    def answers(self):
        with contextlib.suppress(OSError):
            return get(self.url + "/health")[0] == 200
        return False


class Gateway(Steward):
    """A Steward on a port that it keeps."""

    def __init__(self, folder, settings, clock=None, **more):
        super().__init__(folder, settings=settings, env=clock.environment if clock else {}, start=False, **more)

    def is_ready(self):
        with contextlib.suppress(OSError):
            return get(self.telemetry + "/health/ready")[0] == 200
        return False

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", get(self.telemetry + "/metrics")[1], re.M)
        return float(found.group(1)) if found else None

    def files(self):
        return len(os.listdir(f"/proc/{self.program.pid}/fd"))


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            return self.build(self.folder)
        except BaseException:
            self.stack.close()
            raise

    def build(self, folder):
        self.postgres = Postgres()
        self.stack.callback(self.postgres.stop)
        self.redis = Redis(folder)
        self.stack.callback(lambda: self.redis.process.kill())
        self.servers = [ModelServer(folder, f"model-{number}") for number in (1, 2)]
        for server in self.servers:
            self.stack.callback(lambda server=server: server.program.stop())
        self.disk = self.small_disk(folder / "disk")
        self.clock = Clock(folder)
        url = self.postgres.make_database()
        digest_key = folder / "digest.key"
        digest_key.write_text(secrets.token_hex(32))
        digest_key.chmod(0o600)
        self.gateways = []
        for number in (0, 1):
            gateway = Gateway(
                folder / f"gateway-{number}", self.settings(url, digest_key),
                clock=self.clock if number == 1 else None,
                data=self.disk / "data" if number == 0 and self.disk else None)
            self.gateways.append(gateway)
            self.stack.callback(lambda gateway=gateway: gateway.program and gateway.stop())
            gateway.start()
        first = self.gateways[0]
        first.make_application("Production", "production")
        first.make_application("Practice")
        first.make_application("Limited")
        first.command("applications", "limits", "Limited", "--requests-per-minute", str(REQUESTS_PER_MINUTE))
        self.keys = [first.make_key(name)[1] for name in ("Production", "Practice")]
        self.limited_key = first.make_key("Limited")[1]
        for gateway in self.gateways:
            gateway.key = self.keys[0]
            for key in (*self.keys, self.limited_key):
                gateway.await_key(key)
        return self

    def __exit__(self, *error):
        self.stack.close()

    def settings(self, url, digest_key):
        upstreams = [
            {"name": server.name, "url": server.url, "model": "rehearsal",
             "timeouts": {"connect": "1s", "first_byte": "4s", "idle": "4s", "total": "30s"},
             "health": {"interval": "1s", "timeout": "500ms"}} for server in self.servers]
        return {
            "gateway": {"port": free_port()}, "desk": {"port": free_port()}, "telemetry": {"port": free_port()},
            "log": {"level": "info"}, "database": {"url": url}, "keys": {"digest_key_file": str(digest_key)},
            "headers": {"to_upstream": ["x-rehearsal"]},
            "resilience": {"breaker_failures": 20, "breaker_pause": "1s"},
            "limits": {"shared": {
                "host": "127.0.0.1", "port": self.redis.port, "processes": 2, "lease_percent": LEASE_PERCENT}},
            "models": [
                {"name": "rehearsal", "upstreams": upstreams},
                {"name": "vision", "admit_unscreened": ["audio"],
                 "upstreams": [server | {"name": server["name"] + "-audio"} for server in upstreams]}],
        }

    def small_disk(self, folder):
        """A file system that can be filled up; none where we may not make one."""
        folder.mkdir()
        made = os.geteuid() == 0 and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], capture_output=True).returncode
        if made:
            self.stack.callback(lambda: subprocess.run(["umount", "-l", folder], check=True))
        return folder if made else None

    def settled(self, within=90):
        """Whether all is well again, and all that was admitted is in the store."""
        return wait_until(
            lambda: all(g.is_ready() and g.metric("steward_journal_open") == 0 for g in self.gateways), within, 0.5)


class Chaos:
    """Lets one thing after the other go wrong, each at least once where there is the time, in an order that is drawn."""

    def __init__(self, scene, minutes, seed, say):
        self.scene, self.random, self.say = scene, random.Random(seed), say
        self.begin = time.time()
        self.ends_at = self.begin + minutes * 60
        # What is told of it: when, what.
        self.events = []
        self.failure = None

    def run(self):
        try:
            deck = []
            while True:
                left = self.ends_at - time.time()
                if left < 12:
                    return
                # Memory is compared within the last life of each gateway, so that must be long enough.
                may_kill = time.time() < self.begin + 0.6 * (self.ends_at - self.begin)
                deck = deck or self.random.sample(self.all(), len(self.all()))
                event = deck.pop()
                if event in (self.gateway_killed, self.gateway_ended) and not may_kill:
                    continue
                name = event.__name__.replace("_", " ")
                self.events.append((time.time(), name))
                self.say(name)
                event()
                time.sleep(self.random.uniform(2, 5))
        except Exception as error:  # noqa: BLE001
            self.failure = repr(error)

    def all(self):
        events = [
            self.model_server_killed, self.model_server_stands_still, self.redis_killed_and_empty, self.redis_stands_still,
            self.postgres_killed, self.postgres_stands_still, self.gateway_killed, self.gateway_ended, self.clock_stepped]
        return events + [self.disk_full] * bool(self.scene.disk)

    def pause(self):
        time.sleep(self.random.uniform(1, 4))

    def model_server_killed(self):
        server = self.random.choice(self.scene.servers)
        server.program.stop()
        self.pause()
        server.start()

    def model_server_stands_still(self):
        server = self.random.choice(self.scene.servers)
        server.program.process.send_signal(signal.SIGSTOP)
        self.pause()
        server.program.process.send_signal(signal.SIGCONT)

    def redis_killed_and_empty(self):
        self.scene.redis.kill()
        self.pause()
        self.scene.redis.start()

    def redis_stands_still(self):
        self.scene.redis.process.send_signal(signal.SIGSTOP)
        self.pause()
        self.scene.redis.process.send_signal(signal.SIGCONT)

    def postgres_killed(self):
        self.scene.postgres.kill()
        self.pause()
        self.scene.postgres.start()

    def postgres_stands_still(self):
        self.scene.postgres.pause()
        self.pause()
        self.scene.postgres.resume()

    def gateway_killed(self):
        gateway = self.random.choice(self.scene.gateways)
        gateway.stop(signal.SIGKILL)
        gateway.start()

    def gateway_ended(self):
        gateway = self.random.choice(self.scene.gateways)
        gateway.stop(signal.SIGTERM, 60)
        gateway.start()

    def disk_full(self):
        filler = self.scene.disk / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(descriptor, bytes(65_536)):
                pass
        os.close(descriptor)
        self.pause()
        filler.unlink()

    def clock_stepped(self):
        self.scene.clock.step(self.random.choice([-3600, -90, 90, 3600]))
        self.pause()
        self.scene.clock.step(0)
