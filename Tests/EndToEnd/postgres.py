"""A PostgreSQL server of the tests' own: a free port, a temporary folder, and another user where we are root."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import wait_until

PROGRAMS = next((folder for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
                 if (folder / "initdb").exists()), None)


def free_port():
    """One that the kernel gives to no connection going out, while the server that asked for it is not there."""
    for port in random.choices(range(20_000, 32_768), k=100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no port is free")


class Postgres:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="steward-postgres-"))
        self.port, self.process, self.databases = free_port(), None, 0
        # The server refuses to run as root.
        self.user = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody")
            self.user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL"]
        subprocess.run(
            [*self.user, PROGRAMS / "initdb", "-D", self.folder / "data", "-U", "steward", "--auth=trust", "--no-sync",
             "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.user, PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, "-h", "127.0.0.1",
                 "-p", str(self.port), "-c", "fsync=off"], stdout=log, stderr=log, cwd="/")
        assert wait_until(lambda: self.psql("SELECT 1", check=False).returncode == 0, 60), (self.folder / "log").read_text()

    def kill(self):
        """Ends the server and all its sessions at once, as a crash would."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def pause(self):
        """All its processes stand still: the kernel goes on to accept and acknowledge, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        server = self.process.pid
        os.kill(server, number)
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                # `pid (name) state parent …`
                parent = int(status.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == server:
                os.kill(int(status.parent.name), number)

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def psql(self, sql, database="postgres", check=True):
        return subprocess.run(
            ["psql", "-q", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "steward", "-d", database,
             "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, check=check)

    def make_database(self):
        """The address of an empty database."""
        self.databases += 1
        self.psql(f"CREATE DATABASE e2e_{self.databases}")
        return f"postgres://steward@127.0.0.1:{self.port}/e2e_{self.databases}"
