import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import BINARY, Canned, Rehearsal, Steward  # noqa: E402
from judging import JudgeServer  # noqa: E402


def pytest_configure(config):
    if not BINARY.exists():
        raise pytest.UsageError(f"There is no {BINARY}. Run: swift build --product steward")


@pytest.fixture(scope="session")
def rehearsal_server(tmp_path_factory):
    server = Rehearsal(tmp_path_factory.mktemp("rehearsal"))
    yield server
    server.stop()


@pytest.fixture
def rehearsal(rehearsal_server):
    """The rehearsal model, with nothing seen yet."""
    rehearsal_server.reset()
    return rehearsal_server


@pytest.fixture(scope="module")
def canned():
    """A model server that says what it is told to."""
    server = Canned()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def steward_server(tmp_path_factory, rehearsal_server):
    server = Steward(tmp_path_factory.mktemp("steward"), upstream=rehearsal_server.url)
    yield server
    server.stop()


@pytest.fixture
def steward(steward_server, rehearsal):
    """A Steward before the rehearsal model, shared by tests that change nothing in it."""
    return steward_server


@pytest.fixture
def make_steward(tmp_path, rehearsal):
    """Makes a Steward with settings of its own, which ends with the test."""
    made = []

    def make(settings=None, **more):
        more.setdefault("upstream", rehearsal.url)
        server = Steward(tmp_path / f"steward-{len(made)}", settings=settings, start=False, **more)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        if server.program:
            server.stop()


@pytest.fixture
def judge():
    server = JudgeServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def with_judge(make_steward, judge):
    """A Steward that asks the judge about crime."""
    def make(gateway=None, **settings):
        terms = {
            "name": "second", "form": "hook", "url": judge.url, "clauses": ["crime"], "timeout": "1s",
            "cache_entries": 0, **settings,
        }
        return make_steward({"judges": [terms], **({"gateway": gateway} if gateway else {})})
    return make
