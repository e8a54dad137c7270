"""A key is worth what its record says, from the moment it says so."""

import re
import threading
import time

import openai
import pytest
from harness import Steward, chat_body, wait_until


@pytest.fixture(scope="module")
def keys(tmp_path_factory, rehearsal_server):
    """A Steward whose keys these tests change."""
    server = Steward(tmp_path_factory.mktemp("keys"), upstream=rehearsal_server.url,
                     settings={"gateway": {"trusted_proxies": ["127.0.0.1/32"]}})
    server.make_application("Help desk")
    server.make_application("Shop", stage="production")
    yield server
    server.stop()


def refusal(keys, key, expected, call=None):
    with pytest.raises(expected) as error:
        (call or (lambda: keys.chat(key=key)))()
    return error.value


def test_a_new_key_serves_within_a_second(keys):
    _, key = keys.make_key("Help desk")
    assert key.startswith("stw_sandbox_")
    assert keys.await_key(key) < 1
    assert keys.text(key=key)[0]


def test_a_production_applications_key_says_live(keys):
    _, key = keys.make_key("Shop")
    assert key.startswith("stw_live_")


def test_a_key_revoked_under_traffic_serves_no_more_within_a_second(keys):
    identifier, key = keys.make_key("Help desk", name="busy")
    keys.await_key(key)
    served, stop = [], threading.Event()

    def load():
        client = keys.client(key)
        while not stop.is_set():
            try:
                keys.chat(client=client)
                served.append(time.monotonic())
            except openai.APIStatusError:
                pass

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    keys.command("keys", "revoke", identifier)
    revoked = time.monotonic()
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert any(moment < revoked for moment in served)
    assert max(served) - revoked < 1
    assert refusal(keys, key, openai.AuthenticationError).code == "invalid_api_key"


def test_an_expired_key_says_so(keys):
    _, key = keys.make_key("Help desk", "--expires-in", "1s")
    keys.await_key(key)
    time.sleep(1.1)
    assert "expired" in refusal(keys, key, openai.AuthenticationError).message


def test_a_rotated_key_goes_on_beside_its_successor_for_the_overlap(keys):
    identifier, old = keys.make_key("Help desk")
    keys.await_key(old)
    made = keys.ask("keys", "rotate", identifier, "--overlap", "2s")
    new = made["secret"]
    assert made["key"]["rotated_from"] == made["replaces"]["id"] == identifier
    assert made["replaces"]["state"] == "live" and made["replaces"]["expires_at"]
    keys.await_key(new)
    assert keys.text(key=old)[0] and keys.text(key=new)[0]
    time.sleep(2.2)
    assert refusal(keys, old, openai.AuthenticationError).code == "invalid_api_key"
    assert keys.text(key=new)[0]


@pytest.mark.parametrize("overlap, said", [("2h", "is refused from 20"), ("0s", "is refused from now on")])
def test_who_rotates_a_key_is_told_when_the_old_one_ends(keys, overlap, said):
    identifier, _ = keys.make_key("Help desk")
    shown = keys.command("keys", "rotate", identifier, "--overlap", overlap).stdout
    assert f"The old key {identifier} {said}" in shown and "stw_" in shown


def test_a_key_serves_only_its_scopes(keys, rehearsal):
    _, key = keys.make_key("Help desk", "--scope", "embeddings")
    client = keys.client(key)
    keys.await_key(key)
    assert client.embeddings.create(model="rehearsal", input="a").data
    for call in (lambda: keys.chat(client=client), lambda: client.moderations.create(input="a"), client.models.list,
                 lambda: client.completions.create(model="rehearsal", prompt="a")):
        assert refusal(keys, key, openai.PermissionDeniedError, call).code == "scope_missing"


def test_a_key_serves_only_its_models_and_sees_no_others(keys):
    _, key = keys.make_key("Help desk", "--model", "rehearsal")
    keys.await_key(key)
    assert keys.text(key=key)[0]
    assert keys.text(key=key, model="rehearsal-alias")[0]
    error = refusal(keys, key, openai.PermissionDeniedError, lambda: keys.chat(key=key, model="rehearsal-vision"))
    assert (error.code, error.param) == ("model_not_allowed", "model")
    assert {model.id for model in keys.client(key).models.list()} == {"rehearsal", "rehearsal-alias"}


def test_a_key_serves_only_from_its_networks(keys):
    _, key = keys.make_key("Help desk", "--network", "10.1.0.0/16", "--network", "2001:db8::/32")
    keys.await_key(key)
    assert refusal(keys, key, openai.PermissionDeniedError).code == "network_not_allowed"
    body = chat_body().encode()

    def status(forwarded):
        head = keys.head(key=key, fields=[f"content-length: {len(body)}", f"x-forwarded-for: {forwarded}"])
        return keys.raw(head + body).status
    # The test's own address is a trusted proxy; what the client before it claims is not believed.
    assert status("10.1.2.3") == 200
    assert status("2001:db8::1") == 200
    assert status("10.2.2.3") == 403
    assert status("10.1.2.3, 10.2.2.3") == 403


def test_who_is_no_trusted_proxy_cannot_say_where_a_request_comes_from(steward):
    """Against a Steward that trusts nobody."""
    steward.make_application("Far away")
    _, key = steward.make_key("Far away", "--network", "10.1.0.0/16")
    steward.await_key(key)
    body = chat_body().encode()
    head = steward.head(key=key, fields=[f"content-length: {len(body)}", "x-forwarded-for: 10.1.2.3"])
    assert steward.raw(head + body).status == 403


def test_a_suspended_application_is_served_no_more_until_restored(keys):
    keys.make_application("Spammer")
    _, key = keys.make_key("Spammer")
    keys.await_key(key)
    keys.command("applications", "suspend", "Spammer")
    begin = time.monotonic()
    while time.monotonic() - begin < 1:
        try:
            keys.client(key).models.list()
        except openai.PermissionDeniedError as error:
            assert error.code == "suspended"
            break
        time.sleep(0.02)
    else:
        pytest.fail("still served after a second")
    keys.command("applications", "restore", "Spammer")
    time.sleep(1)
    assert keys.text(key=key)[0]


def test_a_key_is_shown_once_and_listed_with_its_last_use(keys):
    identifier, key = keys.make_key("Help desk", name="seen")
    keys.await_key(key)
    keys.chat(key=key)
    listing = keys.command("keys", "list", "--json").stdout + keys.command("keys", "list").stdout
    assert key not in listing and identifier in listing
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if next(k for k in keys.ask("keys", "list") if k["id"] == identifier).get("last_used_at"):
            return
        time.sleep(0.5)
    pytest.fail("its use was never noted")


def test_a_running_answer_outlives_its_keys_end(keys):
    identifier, key = keys.make_key("Help desk")
    keys.await_key(key)
    stream = keys.chat(options="rate=20;tokens=30", key=key, stream=True)
    next(iter(stream))
    keys.command("keys", "revoke", identifier)
    assert [c.finish_reason for chunk in stream for c in chunk.choices][-1] == "stop"


def test_a_wrong_scheme_is_no_key(keys):
    head = ["GET /v1/models HTTP/1.1", "host: h", f"authorization: Basic {keys.key}", "x-forwarded-for: 10.3.0.1"]
    answer = keys.raw("\r\n".join(head).encode() + b"\r\n\r\n")
    assert (answer.status, answer.error["code"]) == (401, "missing_api_key")


def test_a_keys_own_limit_holds_below_its_applications(keys):
    identifier, key = keys.make_key("Help desk", name="limited")
    assert keys.ask("keys", "limits", identifier)["limits"] == {}
    keys.await_key(key)
    assert keys.ask("keys", "limits", identifier, "--requests-per-minute", "2")["limits"] == {"requests_per_minute": 2}

    def refused():
        try:
            keys.client(key).models.list()
            keys.chat(key=key)
        except openai.RateLimitError as error:
            return error.code
    assert wait_until(refused, 5, 0.1) == "rate_limit_exceeded"
    table = keys.command("keys", "limits", identifier).stdout
    assert re.search(r"requests_per_minute +2 +key", table)
    keys.command("keys", "limits", identifier, "--requests-per-minute", "default")

    def served():
        try:
            return keys.text(key=key)[0]
        except openai.RateLimitError:
            return None
    assert wait_until(served, 5, 0.1)


def test_a_limit_may_be_unlimited_where_no_default_limits_it(keys):
    identifier, _ = keys.make_key("Help desk", name="freed")
    assert keys.ask("keys", "limits", identifier, "--tokens-per-day", "9")["limits"] == {"tokens_per_day": 9}
    assert keys.ask("keys", "limits", identifier, "--tokens-per-day", "unlimited")["limits"] == {}
    assert "unlimited" in keys.command("keys", "limits", identifier).stdout
    keys.make_application("Hall")
    limits = keys.ask("organisations", "limits", "Organisation of Hall", "--requests-per-minute", "unlimited")
    assert limits["limits"].get("requests_per_minute") is None


def test_a_limit_is_not_said_to_be_unlimited_where_a_default_limits_it(make_steward):
    steward = make_steward({"limits": {"organisation": {"requests_per_minute": 4}}})
    steward.command("organisations", "create", "Hall")
    run = steward.command(
        "organisations", "limits", "Hall", "--requests-per-minute", "unlimited", check=False)
    assert run.returncode == 64 and "The default is 4" in run.stderr


def test_an_organisations_own_limit_holds_for_all_its_applications(keys):
    keys.make_application("Guild")
    limits = keys.ask("organisations", "limits", "Organisation of Guild", "--concurrent-requests", "3")
    assert limits["own_limits"] == limits["limits"] == {"concurrent_requests": 3}
    assert keys.command("organisations", "limits", "nobody", check=False).returncode == 66


def test_names_that_show_as_others_are_refused_and_never_reach_a_terminal(keys):
    for name in ("a\u202eb", "a\u200bb", "a\x1b[31mb", "a\u2028b", "\u00a0a", "a\u3164b", "a\u2800b",
                 "a\u034fb", "a\ue000b"):
        for command in (("organisations", "create", name),
                        ("applications", "create", name, "--organisation", "Organisation of Shop"),
                        ("keys", "create", "--application", "Shop", "--name", name)):
            run = keys.command(*command, check=False)
            assert run.returncode == 64 and "can't be a name" in run.stderr
            assert not set("\u202e\u200b\x1b\u2028") & set(run.stderr + run.stdout)


def test_a_key_for_a_model_that_the_settings_lack_is_made_with_a_warning(keys):
    def warning(model):
        return keys.command("keys", "create", "--application", "Shop", "--name", "k", "--model", model).stderr
    assert "no model “nope”" in warning("nope")
    assert "alias" in warning("rehearsal-alias")
    assert warning("rehearsal") == ""
