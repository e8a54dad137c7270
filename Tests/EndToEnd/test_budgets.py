"""Budgets in tokens and money: what is spent is spent until the period ends, whatever becomes of the process."""

import datetime
import http.client
import json
import signal
import subprocess
import threading
import time
from decimal import Decimal

import anthropic
import openai
import pytest

from clock import Clock
from harness import BINARY, Canned, get, wait_until
from providers import CHAT, MESSAGE
from reloading import reload, settings_of
from test_shared_limits import make_pair, redis  # noqa: F401
from test_upstream_resilience import metric

# 3 tokens in and 2 out, as the provider says of each answer: 3 × 3.00 + 2 × 15.00 millionths.
PRICE = {"input": "3.00", "output": "15.00"}
COST = Decimal("0.000039")
QUESTION = [{"role": "user", "content": "Hello."}]


@pytest.fixture
def provider():
    server = Canned()
    server.say(CHAT)
    yield server
    server.shutdown()


def models(provider, price=PRICE):
    return [{"name": "rehearsal", "upstreams": [{"url": provider.url}]} | ({"price": price} if price else {})]


@pytest.fixture
def make(make_steward, provider):
    def make_one(budget=None, scope="sandbox", price=PRICE, **more):
        settings = {"limits": {scope: {"budget": budget}}} if budget else {}
        return make_steward(settings, upstream=provider.url, models=models(provider, price), **more)
    return make_one


def ask(steward, key=None, **more):
    return steward.client(key).chat.completions.create(
        **({"model": "rehearsal", "messages": QUESTION, "max_tokens": 10} | more))


def spend(steward, most=500, key=None, **more):
    """How many are answered until the budget is used up, and that refusal."""
    for count in range(most):
        try:
            ask(steward, key, **more)
        except openai.RateLimitError as error:
            return count, error
    pytest.fail(f"no budget after {most} requests")


def is_refused(steward, key=None, **more):
    try:
        ask(steward, key, **more)
        return False
    except openai.RateLimitError as error:
        assert error.code == "insufficient_quota"
        return True


def seconds_to_midnight():
    now = datetime.datetime.now(datetime.UTC)
    return 86_400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def test_money_is_counted_exactly_and_the_refusal_says_which_budget_and_when_it_renews(make):
    steward = make({"money_per_day": "0.002"})
    served, error = spend(steward)
    # Held is a byte for each token of the prompt, and the cap; each costs 0.000039 in the end.
    body = json.dumps({"model": "rehearsal", "messages": QUESTION, "max_tokens": 10})
    held = (Decimal(len(body)) * 3 + 10 * 15) / 10**6
    assert abs(served - (int((Decimal("0.002") - held) / COST) + 1)) <= 2
    assert (error.code, error.type, error.param) == ("insufficient_quota", "insufficient_quota", None)
    assert "The application's budget of 0.002 USD a day (UTC) is used up" in error.message
    midnight = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")
    assert midnight in error.message or seconds_to_midnight() < 60
    headers = error.response.headers
    assert abs(int(headers["retry-after"]) - seconds_to_midnight()) < 30
    assert headers["x-should-retry"] == "false"
    assert "x-ratelimit-limit-tokens" not in headers
    # Who may not spend is told in Anthropic's words too.
    with pytest.raises(anthropic.RateLimitError) as refusal:
        anthropic.Anthropic(base_url=steward.gateway, api_key=steward.key, max_retries=0).messages.create(
            model="rehearsal", max_tokens=10, messages=QUESTION)
    assert refusal.value.body["error"]["type"] == "rate_limit_error"
    assert refusal.value.body["error"]["code"] == "insufficient_quota"
    assert "application's budget of 0.002 USD" in refusal.value.body["error"]["message"]
    # Record and metric say which.
    code = "insufficient_quota:application.money_per_day"
    record = steward.record(error.response.headers["x-request-id"])
    assert (record["refusal"], record["status"], record["cost"]) == (code, 429, "0.00")
    assert metric(steward, "steward_refusals_total", code=code) == 2
    # What needs no model is no matter of money.
    assert steward.client().models.list().data
    assert steward.client().moderations.create(input="Hello.").results


def test_usage_and_records_say_what_it_cost_to_the_last_decimal(make, provider):
    steward = make(price=PRICE | {"cached_input": "0.3", "cache_write": "3.75"})
    assert ask(steward).choices
    provider.say(CHAT | {"usage": {
        "prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010,
        "prompt_tokens_details": {"cached_tokens": 900}}})
    answer = steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=QUESTION, max_tokens=1_000)
    provider.say(MESSAGE | {"usage": {
        "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40}})
    assert anthropic.Anthropic(base_url=steward.gateway, api_key=steward.key, max_retries=0).messages.create(
        model="rehearsal", max_tokens=1_000, messages=QUESTION).content
    assert steward.record(answer.headers["x-request-id"])["cost"] == "0.00072"
    costs = COST + Decimal("0.00072") + Decimal("0.000225")

    def look():
        return [row for row in steward.ask("usage") if row["model"] == "rehearsal" and row["requests"] == 3]
    rows = wait_until(look, 20, 0.2)
    assert [(Decimal(row["cost"]), row["currency"]) for row in rows] == [(costs, "USD")]
    table = steward.command("usage").stdout
    assert "COST (USD)" in table and str(costs) in table


def test_without_a_price_there_is_no_cost(make):
    steward = make(price=None)
    assert ask(steward).choices
    rows = wait_until(lambda: [row for row in steward.ask("usage") if row["requests"]], 20, 0.2)
    assert all("cost" not in row for row in rows)
    assert "–" in steward.command("usage").stdout


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_opens_no_budget_again(make, end):
    steward = make({"tokens_per_month": 600})
    served, error = spend(steward)
    assert served > 3 and "600 tokens a month" in error.message
    steward.stop(end)
    steward.start()
    assert is_refused(steward)


def test_what_was_in_flight_at_a_kill_is_charged_in_full(make, provider):
    steward = make({"tokens_per_day": 3_000})
    assert ask(steward).choices
    hangs = threading.Event()
    original = provider.RequestHandlerClass.do_POST

    def hang(handler):
        hangs.set()
        time.sleep(5)
    provider.RequestHandlerClass.do_POST = hang
    try:
        connection = http.client.HTTPConnection(*steward.address, timeout=10)
        connection.request(
            "POST", "/v1/chat/completions",
            json.dumps({"model": "rehearsal", "messages": QUESTION, "max_tokens": 2_500}),
            {"authorization": f"Bearer {steward.key}", "content-type": "application/json"})
        assert hangs.wait(10)
        steward.stop(signal.SIGKILL)
    finally:
        provider.RequestHandlerClass.do_POST = original
    steward.start()
    assert is_refused(steward, max_tokens=500)
    assert ask(steward, max_tokens=100).choices


def test_the_next_day_opens_the_budget_and_a_clock_that_steps_back_does_not(make, tmp_path):
    clock = Clock(tmp_path)
    steward = make({"tokens_per_day": 600}, env=clock.environment)
    spend(steward)
    clock.step(86_400)
    served, _ = spend(steward)
    assert served > 3
    for step in (0, -86_400, -40 * 86_400, 86_400):
        clock.step(step)
        assert is_refused(steward)
    # Nor does a restart on either day.
    for step in (0, 86_400):
        steward.stop(signal.SIGTERM)
        clock.step(step)
        steward.start()
        assert is_refused(steward)


def test_a_reload_changes_budgets_and_prices_and_forgets_nothing(make, provider):
    steward = make({"money_per_day": "0.002"})
    served, _ = spend(steward)
    raised = settings_of(steward, limits={"sandbox": {"budget": {"money_per_day": "0.003"}}})
    reload(steward, raised)
    more, error = spend(steward)
    assert 20 <= more <= 30 and "0.003 USD" in error.message
    # Where all is free now, what was spent is spent all the same; and what costs nothing is served.
    reload(steward, raised | {"models": models(provider, {"input": 0, "output": 0})})
    assert ask(steward).choices
    reload(steward, raised | {"models": models(provider)})
    assert is_refused(steward)
    # A budget that comes later begins with what was spent before.
    later = settings_of(steward, limits={"sandbox": {"budget": {"money_per_day": "unlimited"}}})
    reload(steward, later)
    assert ask(steward).choices
    used = served + more + 1
    assert wait_until(lambda: sum(row["requests"] - row["refused"] for row in steward.ask("usage")) > used, 20, 0.2)
    time.sleep(11)
    reload(steward, settings_of(
        steward, limits={"organisation": {"budget": {"tokens_per_day": used * 5}}}))
    assert is_refused(steward)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 503, 529])
def test_what_the_model_server_refuses_costs_nothing(make, provider, status):
    steward = make({"money_per_day": "0.01", "tokens_per_day": 2000})
    provider.say({"error": {"message": "No.", "type": "invalid_request_error"}}, status=status)
    for _ in range(4):
        # Each may cost more than a third of the budget.
        with pytest.raises(openai.APIStatusError) as error:
            ask(steward, messages=[{"role": "user", "content": "Hello. " * 100}])
        assert error.value.code != "insufficient_quota"
        identifier = error.value.response.headers["x-request-id"]
    record = steward.record(identifier)
    assert (record["input_tokens"], record["output_tokens"]) == (0, 0)
    if status in (401, 404):
        # Only the operator can mend it.
        assert error.value.status_code == 502 and error.value.response.headers["x-should-retry"] == "false"
        assert "Tell the operator" in error.value.message
    provider.say(CHAT)
    assert ask(steward).choices


@pytest.mark.parametrize("output", [{}, {"completion_tokens": None}, {"completion_tokens": -1}, {"completion_tokens": 2.5}])
@pytest.mark.parametrize("stream", [False, True])
def test_output_that_the_model_server_does_not_count_is_estimated(make, provider, output, stream):
    steward = make()
    usage = {"prompt_tokens": 3} | output
    if stream:
        provider.stream(
            {"choices": [{"index": 0, "delta": {"content": "word " * 40}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage})
    else:
        message = {"role": "assistant", "content": "word " * 40}
        provider.say(CHAT | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})
    answer = steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=QUESTION, max_tokens=100, stream=stream)
    answer.http_response.read()
    record = steward.record(answer.headers["x-request-id"])
    assert record["tokens_estimated"] and (record["input_tokens"], record["output_tokens"]) == (3, 50)
    assert Decimal(record["cost"]) == (3 * 3 + 50 * 15) / Decimal(10**6)


def test_embeddings_have_no_output_to_estimate(make, provider):
    steward = make()
    provider.say({
        "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    answer = steward.client().embeddings.with_raw_response.create(
        model="rehearsal", input="Hello.", encoding_format="float")
    record = steward.record(answer.headers["x-request-id"])
    assert (record["input_tokens"], record["output_tokens"], record["tokens_estimated"]) == (3, 0, False)


def test_a_model_without_a_price_is_a_problem_at_its_line_and_never_free(make, tmp_path):
    steward = make()
    steward.config.write_text(json.dumps(settings_of(
        steward, limits={"organisation": {"budget": {"money_per_month": 5}}}) | {
            "models": [{"name": "rehearsal", "upstreams": [{"url": "http://127.0.0.1:9"}]}]}, indent=1))
    check = subprocess.run([BINARY, "config", "check", "--config", steward.config], capture_output=True, text=True)
    assert check.returncode == 1
    assert f"{steward.config}:" in check.stdout and "“rehearsal” has no price" in check.stdout
    assert "limits.organisation.budget.money_per_month" in check.stdout and "Write `price:`" in check.stdout


def test_who_has_a_budget_of_money_may_not_ask_a_model_without_a_price(make, provider):
    steward = make()
    steward.make_application("Careful")
    _, key = steward.make_key("Careful")
    steward.command("applications", "limits", "Careful", "--budget-money-per-day", "1.50")
    shown = steward.command("applications", "limits", "Careful").stdout
    assert "budget.money_per_day" in shown and "1.50" in shown
    steward.await_key(key)
    assert ask(steward, key).choices
    # The budget is in the store, so no check of the settings sees it.
    reload(steward, settings_of(steward) | {"models": models(provider, None)})
    with pytest.raises(openai.PermissionDeniedError) as refusal:
        ask(steward, key)
    assert refusal.value.code == "model_not_priced"
    assert ask(steward).choices
    refused = steward.command("applications", "limits", "Careful", "--budget-money-per-day", "2", check=False)
    assert refused.returncode != 0 and "rehearsal" in refused.stderr


def test_one_request_above_the_whole_budget_is_told_so(make):
    steward = make({"tokens_per_day": 600})
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(steward, max_tokens=601)
    assert refusal.value.code == "request_above_limit" and refusal.value.param == "max_tokens"
    assert ask(steward).choices


# With a sign that no id has: random ids have any four letters now and then.
JANE = "jane@example.org"


def test_each_end_user_has_a_budget_and_keeps_it_over_a_restart(make_steward, provider):
    steward = make_steward(
        {"limits": {"sandbox": {"end_user": {"budget": {"tokens_per_month": 600}}}}}, upstream=provider.url,
        models=models(provider))
    served, error = spend(steward, user=JANE)
    assert served > 3 and "end user's budget" in error.message
    assert ask(steward, user="joe").choices and ask(steward).choices
    steward.stop(signal.SIGKILL)
    steward.start()
    assert is_refused(steward, user=JANE)
    assert ask(steward, user="joe").choices
    assert JANE.encode() not in b"".join(path.read_bytes() for path in steward.data.rglob("*") if path.is_file())


def test_observe_only_counts_and_enforces_nothing(make_steward, provider):
    steward = make_steward(
        {"gateway": {"observe_only": True}, "limits": {"sandbox": {"budget": {"tokens_per_day": 300}}}},
        upstream=provider.url, models=models(provider))
    answers = [steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=QUESTION, max_tokens=10) for _ in range(60)]
    record = steward.record(answers[-1].headers["x-request-id"])
    assert record["refusal"] == "insufficient_quota:application.tokens_per_day" and record["outcome"] == "answered"


class TestSharedThroughRedis:
    BUDGET = 6_000

    def spend(self, pair, key, most=2_000):
        """Tokens that both used until both are refused for good, by their answers."""
        used, refused = 0, set()
        for number in range(most):
            server = pair[number % 2]
            try:
                used += ask(server, key, max_tokens=20).usage.total_tokens
                refused.discard(server)
            except openai.RateLimitError as error:
                assert error.code == "insufficient_quota"
                refused.add(server)
                if len(refused) == 2:
                    return used
        pytest.fail("no budget")

    def is_refused(self, server, key):
        try:
            return is_refused(server, key=key, max_tokens=600)
        except openai.InternalServerError:
            # It is still on its way to Redis.
            return False

    def test_two_gateways_spend_one_budget_between_them(self, make_pair):  # noqa: F811
        pair, key = make_pair(limits={"budget-tokens-per-day": self.BUDGET})
        for server in pair:
            server.await_key(key)
        used = self.spend(pair, key)
        assert used <= self.BUDGET
        # All but what a request may need, and what the other holds, once that has gone back.
        assert used >= self.BUDGET * 0.8
        # Nor does a restart open it, of one or of both.
        for server in pair:
            server.stop(signal.SIGKILL)
            server.start()
            assert wait_until(lambda: self.is_refused(server, key), 20, 0.2)

    def test_without_redis_nobody_spends_what_is_not_leased(self, make_pair, redis):  # noqa: F811
        pair, key = make_pair(limits={"budget-tokens-per-day": self.BUDGET})
        for server in pair:
            server.await_key(key)
        assert ask(pair[0], key, max_tokens=20).choices
        redis.kill()
        assert wait_until(lambda: not get(pair[0].telemetry + "/health/ready")[0] == 200, 20)
        with pytest.raises(openai.InternalServerError) as refusal:
            for _ in range(100):
                ask(pair[0], key, max_tokens=1_000)
        assert refusal.value.status_code == 503 and refusal.value.code == "limits_unavailable"
        # A Redis that comes back empty begins where the store ends.
        redis.start()
        for server in pair:
            assert wait_until(lambda: get(server.telemetry + "/health/ready")[0] == 200, 30)
        # But for what two leases held meanwhile.
        assert self.spend(pair, key) <= self.BUDGET * 1.1

    def test_a_share_of_what_is_left_is_spent_while_redis_is_away(self, make_pair, redis):  # noqa: F811
        pair, key = make_pair(away="local_share", limits={"budget-tokens-per-day": self.BUDGET})
        for server in pair:
            server.await_key(key)
        assert ask(pair[0], key, max_tokens=20).choices
        redis.kill()
        used = self.spend(pair, key)
        assert self.BUDGET * 0.7 <= used <= self.BUDGET
