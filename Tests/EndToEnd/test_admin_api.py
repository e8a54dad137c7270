"""The administration on the desk: who gets in, what each role may do, and the samples through it."""

import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request

import pytest
from harness import Steward, wait_until
from postgres import PROGRAMS, Postgres

KEY = "5a" * 32
SAMPLING = {"samples": {"key_env": "SAMPLES_KEY", "found_per_million": 1_000_000, "unsure_per_million": 1_000_000,
                        "others_per_million": 1_000_000},
            # Each request comes from an address of its own, so that no guard makes a test wait.
            "gateway": {"trusted_proxies": ["127.0.0.1/32"]}}
CARDS = ["4111 1111 1111 1111", "4012888888881881", "5555555555554444", "378282246310005"]
NOBODY = "smp_01jdb3k6y8v4m2n7q9r5s1t3w6"
NO = {"category": "pii.card", "judgement": "no"}

# Every route, and who may use it. Written a second time on purpose: the first is in AdminRole.swift.
REVIEWERS = {"reviewer", "safety-analyst", "administrator"}
ANALYSTS = {"safety-analyst", "administrator"}
FIGURES = ANALYSTS | {"auditor"}
ROUTES = [
    ("GET", "", None, REVIEWERS), ("GET", "/next", None, REVIEWERS), ("GET", "/ID", None, REVIEWERS),
    ("POST", "/ID/labels", NO, REVIEWERS), ("POST", "/ID/decline", {"category": "pii.card"}, REVIEWERS),
    ("GET", "/precision", None, FIGURES | {"reviewer"}), ("GET", "/thresholds?category=hate", None, FIGURES),
    ("GET", "/proposals", None, FIGURES), ("DELETE", "/ID/text", None, ANALYSTS),
]
ROLES = ["reviewer", "safety-analyst", "auditor", "administrator"]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body.decode()

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"Answer({self.status}, {self.text[:400]!r})"


def ask(steward, method, path, token=None, body=None, match=None, address=None, prefix="/admin/v1/filter/samples"):
    fields = {"x-forwarded-for": address or ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])}
    if token is not None:
        fields["authorization"] = f"Bearer {token}"
    if match:
        fields["if-match"] = match
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if data is not None:
        fields["content-type"] = "application/json"
    request = urllib.request.Request(steward.desk + prefix + path, data, fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def make_token(steward, role, *options):
    made = steward.ask("tokens", "create", "--role", role, *options)
    return made["token"]["id"], made["secret"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory, rehearsal_server):
    """A Steward with samples of four texts with a card, both sides each, and a token of each role."""
    server = Steward(
        tmp_path_factory.mktemp("admin"), upstream=rehearsal_server.url, settings=SAMPLING, env={"SAMPLES_KEY": KEY})
    for card in CARDS:
        server.chat(f"Pay with {card} at the harbour.", "tokens=2")
    assert wait_until(lambda: len(server.ask("filter", "samples", "list")) == 8, 30, 0.3)
    server.tokens = {role: make_token(server, role, "--name", role)[1] for role in ROLES}
    server.samples = server.ask("filter", "samples", "list", "--category", "pii.card")
    assert len(server.samples) == 4
    yield server
    server.stop()


@pytest.fixture(scope="module")
def strangers(desk):
    """Tokens that let nobody in, by what they are."""
    _, expired = make_token(desk, "administrator", "--expires", "1s")
    identifier, revoked = make_token(desk, "administrator")
    desk.command("tokens", "revoke", identifier)
    time.sleep(1.1)
    live = desk.tokens["administrator"]
    return {
        "none": (None, "missing_token"), "empty": ("", "invalid_token"), "cut": (live[:-1], "invalid_token"),
        "mistyped": (live[:20] + ("a" if live[20] != "a" else "b") + live[21:], "invalid_token"),
        "key": (desk.key, "invalid_token"), "expired": (expired, "expired_token"), "revoked": (revoked, "revoked_token"),
        "hostile": ("' OR '1'='1", "invalid_token"), "long": ("stw_admin_" + "x" * 8_000, "invalid_token"),
    }


@pytest.mark.parametrize("route, role", itertools.product(ROUTES, ROLES), ids=lambda v: v if isinstance(v, str) else v[0] + v[1])
def test_each_role_may_do_what_it_may_and_nothing_else(desk, route, role):
    method, path, body, allowed = route
    # Nobody's sample: what is allowed is told from what is not, and nothing is changed.
    answer = ask(desk, method, path.replace("ID", NOBODY), desk.tokens[role], body, match="*")
    if role in allowed:
        assert answer.status in ((404,) if "ID" in path else (200, 204)), answer
        assert answer.status != 404 or answer.json["code"] == "unknown_sample", answer
    else:
        assert answer.status == 403 and answer.json["code"] == "role_not_allowed", answer
        assert role in answer.json["title"] and all(other in answer.json["detail"] for other in allowed), answer
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("route", [*ROUTES, ("GET", "/../../../nothing", None, ()), ("PUT", "", None, ()), ("GET", "/ID/text", None, ())],
                         ids=lambda v: v[0] + v[1])
def test_no_stranger_gets_in(desk, strangers, route):
    method, path, body, _ = route
    for kind, (token, code) in strangers.items():
        answer = ask(desk, method, path.replace("ID", desk.samples[0]["id"]), token, body, match="*")
        assert answer.status == 401 and answer.json["code"] == code, (kind, answer)
        assert answer.headers["www-authenticate"].startswith("Bearer"), kind
        assert answer.headers["content-type"] == "application/problem+json", kind
        assert answer.json["request_id"] and answer.headers["cache-control"] == "no-store", kind
        assert token is None or len(token) < 10 or token not in answer.text


def test_a_revoked_token_is_refused_within_a_second(desk):
    identifier, token = make_token(desk, "auditor")
    assert ask(desk, "GET", "/precision", token).status == 200
    desk.command("tokens", "revoke", identifier)
    revoked = time.monotonic()
    while ask(desk, "GET", "/precision", token).status != 401:
        assert time.monotonic() - revoked < 1
        time.sleep(0.05)


def test_many_guesses_make_an_address_wait(desk):
    statuses = [ask(desk, "GET", "/precision", "stw_admin_guess", address="192.0.2.7").status for _ in range(15)]
    assert statuses[:10] == [401] * 10 and statuses[-1] == 429, statuses
    blocked = ask(desk, "GET", "/precision", desk.tokens["auditor"], address="192.0.2.7")
    assert blocked.status == 429 and int(blocked.headers["retry-after"]) > 0
    assert ask(desk, "GET", "/precision", desk.tokens["auditor"], address="192.0.2.8").status == 200


def test_a_token_is_shown_once_and_is_nowhere(desk):
    identifier, token = make_token(desk, "auditor", "--name", "seen once", "--expires", "90d")
    shown = desk.command("tokens", "list").stdout + desk.command("tokens", "list", "--json").stdout
    assert identifier in shown and "seen once" in shown and token not in shown and token[:14] in shown
    ask(desk, "GET", "/precision", token)
    kept = [p for p in desk.folder.rglob("*") if p.is_file() and token.encode() in p.read_bytes()]
    assert kept == []
    assert "no id of a token" in desk.command("tokens", "revoke", token, check=False).stderr


def test_texts_are_opened_one_by_one_and_never_listed(desk):
    reviewer = desk.tokens["reviewer"]
    listed = ask(desk, "GET", "?limit=100", reviewer)
    cli = {sample["id"]: sample for sample in desk.ask("filter", "samples", "list")}
    assert {sample["id"]: sample for sample in listed.json["samples"]} == cli
    for path in ("", "/next", "/precision", "?category=pii"):
        answer = ask(desk, "GET", path, reviewer)
        assert answer.status == 200 and "harbour" not in answer.text and '"text"' not in answer.text
    # The CLI's fields, and the text.
    sample = desk.samples[0]["id"]
    opened = ask(desk, "GET", f"/{sample}", reviewer)
    assert opened.json == desk.ask("filter", "samples", "show", sample, "--open")
    assert "harbour" in opened.json["text"] and opened.headers["etag"]
    log = desk.program.text()
    assert "open_content" in log and sample in log and "tok_" in log
    assert "harbour" not in log and reviewer not in log


def test_pages_hold_each_sample_once(desk):
    seen, path = [], "?limit=3"
    while path:
        page = ask(desk, "GET", path, desk.tokens["reviewer"]).json
        seen += [sample["id"] for sample in page["samples"]]
        path = f"?limit=3&before={page['next']}" if page.get("next") else None
    assert seen == [sample["id"] for sample in desk.ask("filter", "samples", "list")]


@pytest.mark.parametrize("method, path, body, status, code", [
    ("GET", "?category='%20OR%201=1--", None, 400, "unknown_category"), ("GET", "?rule=%00%ff", None, 200, None),
    ("GET", "?before='--", None, 400, "invalid_value"), ("GET", "?limit=-1", None, 400, "invalid_value"),
    ("GET", "?limit=99999999999999999999", None, 400, "invalid_value"), ("GET", "?x=1", None, 400, "unknown_parameter"),
    ("GET", "?not=" + "&not=".join("a" * 100), None, 400, "invalid_value"),
    ("GET", "/%27%20OR%201=1", None, 400, "invalid_value"), ("GET", "/smp_" + "z" * 26, None, 400, "invalid_value"),
    ("GET", "/thresholds?category=%3Cscript%3E", None, 400, "category_without_score"),
    ("POST", "/ID/labels", b"\xff\xfe", 400, "malformed_json"), ("POST", "/ID/labels", b"[" * 10_000, 400, "malformed_json"),
    ("POST", "/ID/labels", NO | {"reviewer": "jane"}, 400, "unknown_member"),
    ("POST", "/ID/labels", NO | {"category": "pii.emial"}, 400, "unknown_category"),
    ("POST", "/ID/labels", NO | {"category": "'; DROP TABLE samples; --"}, 400, "unknown_category"),
    ("POST", "/ID/labels", NO | {"category": "x" * 16_000}, 400, "unknown_category"),
    ("POST", "/ID/labels", NO | {"judgement": "no\u0000"}, 400, "unknown_judgement"),
    ("POST", "/ID/labels", b'{"category":"hate","category":"pii","judgement":"no"}', 400, "malformed_json"),
    ("POST", "/ID/labels", b'{"category":"' + b"x" * 20_000 + b'","judgement":"no"}', 413, "body_too_large"),
])
def test_hostile_input_is_answered_with_what_to_change(desk, method, path, body, status, code):
    answer = ask(desk, method, path.replace("ID", desk.samples[0]["id"]), desk.tokens["administrator"], body, match="*")
    assert answer.status == status and (code is None or answer.json["code"] == code), answer
    assert code is None or (answer.json["title"] and answer.json["detail"])
    assert "harbour" not in answer.text and len(desk.ask("filter", "samples", "list")) == 8


def test_of_two_reviewers_at_once_one_wins_and_the_other_is_told(desk):
    sample = desk.samples[1]["id"]
    tokens = [make_token(desk, "reviewer", "--name", f"at once {number}")[1] for number in range(4)]
    tag = ask(desk, "GET", f"/{sample}", tokens[0]).headers["etag"]
    answers, start = [], threading.Barrier(len(tokens))

    def judge(token):
        start.wait()
        answers.append(ask(desk, "POST", f"/{sample}/labels", token, NO, match=tag))

    threads = [threading.Thread(target=judge, args=[token]) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412], answers
    told = next(answer for answer in answers if answer.status == 412).json
    assert told["code"] == "sample_changed" and "again" in told["detail"]
    (label,) = desk.ask("filter", "samples", "show", sample)["labels"]
    assert label["reviewer"].startswith("at once") and label["judgement"] == "no"
    assert ask(desk, "POST", f"/{sample}/labels", tokens[0], NO).status == 428


def test_reviewers_work_through_what_waits_and_figures_follow(desk):
    _, jane = make_token(desk, "reviewer", "--name", "jane")
    analyst = desk.tokens["safety-analyst"]
    waiting = [s["id"] for s in reversed(ask(desk, "GET", "?waiting=true&category=pii.card", jane).json["samples"])]
    for number, expected in enumerate(waiting):
        due = ask(desk, "GET", "/next?category=pii.card", jane)
        assert due.json["id"] == expected and "text" not in due.json
        if number == 0:
            answer = ask(desk, "POST", f"/{expected}/decline", jane)
        else:
            answer = ask(desk, "POST", f"/{expected}/labels", jane, NO | {"judgement": "yes"}, match=due.headers["etag"])
        assert answer.status == 200 and any(l["reviewer"] == "jane" for l in answer.json["labels"])
    assert ask(desk, "GET", "/next?category=pii.card", jane).status == 204
    # What the command sees.
    assert "nothing left" in desk.command("filter", "samples", "next", "--reviewer", "jane", "--category", "pii.card").stdout
    assert ask(desk, "GET", "/precision", analyst).json == desk.ask("filter", "samples", "precision")
    thresholds = ask(desk, "GET", "/thresholds?category=hate", analyst).json
    assert thresholds == desk.ask("filter", "samples", "thresholds", "--category", "hate")
    proposals = ask(desk, "GET", "/proposals", analyst).json
    assert proposals == [r for r in desk.ask("filter", "samples", "precision") if r["proposes_shadow"]]


def test_a_forgotten_text_is_gone(desk):
    sample = next(s["id"] for s in desk.ask("filter", "samples", "list") if not s["labels"])
    analyst = desk.tokens["safety-analyst"]
    assert ask(desk, "DELETE", f"/{sample}/text", analyst).status == 204
    assert ask(desk, "GET", f"/{sample}", analyst).json["code"] == "unknown_sample"
    assert ask(desk, "DELETE", f"/{sample}/text", analyst).status == 404


def test_a_token_outlives_a_restart(make_steward):
    steward = make_steward()
    _, token = make_token(steward, "auditor")
    assert ask(steward, "GET", "/precision", token).json == []
    steward.stop()
    steward.start()
    assert ask(steward, "GET", "/precision", token).status == 200


@pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL's server is not installed: apt-get install postgresql")
def test_on_postgresql_tokens_work_and_nobody_gets_in_while_it_is_away(make_steward):
    postgres = Postgres()
    try:
        steward = make_steward({"database": {"url": postgres.make_database()}})
        identifier, token = make_token(steward, "administrator")
        assert ask(steward, "GET", "/precision", token).json == []
        assert ask(steward, "GET", "/next", token).status == 204
        _, other = make_token(steward, "auditor")
        steward.command("tokens", "revoke", identifier)
        assert ask(steward, "GET", "/precision", token).json["code"] == "revoked_token"
        postgres.kill()
        answer = ask(steward, "GET", "/precision", other)
        assert answer.status == 503 and answer.json["code"] == "store_unavailable", answer
    finally:
        postgres.stop()
