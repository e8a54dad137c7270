"""The published OpenAPI document, and the gateway held against it by schemathesis.

Every operation is tried with the values at the bounds of its schema, valid and not, and with made-up ones, the same each
time. `STEWARD_OPENAPI_EXAMPLES` says how many are made up for each operation (12), and `STEWARD_OPENAPI_SEED` from what (1):

    STEWARD_OPENAPI_EXAMPLES=2000 STEWARD_OPENAPI_SEED=7 python -m pytest Tests/EndToEnd/test_openapi.py
"""

import copy
import itertools
import json
import os

import jsonschema_rs
import openai
import pytest
import requests
import schemathesis
from harness import TOP, Steward, get

EXAMPLES = int(os.environ.get("STEWARD_OPENAPI_EXAMPLES", "12"))
SEED = int(os.environ.get("STEWARD_OPENAPI_SEED", "1"))

# Small, so that what is above them is too.
MESSAGES_MAX, CHOICES_MAX, TOKENS_MAX = 6, 4, 500
# One refuses what no filter reads, one takes it; names have what paths must escape.
MODELS = ["rehearsal", "org/rehearsal é?", "rehearsal-all"]
UNSCREENABLE = [
    "images", "remote_images", "audio", "files", "tokens", "embeddings", "stored_text", "hosted_tools", "chat_template"]
# High, yet there: so answers tell of them.
LIMITS = {"requests_per_minute": 100_000_000, "tokens_per_minute": 1_000_000_000_000, "tokens_per_day": 1_000_000_000_000,
          "concurrent_requests": 10_000}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, rehearsal_server):
    upstream = {"url": rehearsal_server.url, "timeouts": {"first_byte": "5s", "idle": "5s", "total": "20s"}}
    model = {"output_tokens_default": 50, "output_tokens_max": TOKENS_MAX}
    server = Steward(
        tmp_path_factory.mktemp("openapi"), upstream=rehearsal_server.url,
        settings={
            "gateway": {"messages_max": MESSAGES_MAX, "choices_max": CHOICES_MAX, "trusted_proxies": ["127.0.0.0/8"]},
            "limits": {"sandbox": LIMITS},
        },
        models=[
            {"name": MODELS[0], "aliases": [MODELS[1]], "upstreams": [{"name": "strict", **upstream}], **model},
            {"name": MODELS[2], "admit_unscreened": UNSCREENABLE, "upstreams": [{"name": "open", "model": "rehearsal", **upstream}],
             **model},
        ])
    yield server
    server.stop()


SOURCE = json.loads((TOP / "Sources/Moderation/Resources/openapi.json").read_text())


@pytest.fixture(scope="module")
def document(gateway):
    """As it is published; but for what a deployment fills in, it is the file, of which schemathesis makes its tests."""
    status, text = get(gateway.desk + "/public/v1/openapi.json")
    assert status == 200
    published = json.loads(text)
    info = {**SOURCE["info"], "version": published["info"]["version"]}
    assert published == {**SOURCE, "info": info, "servers": published["servers"]}
    return published


def narrowed(document):
    """The document with what holds in this deployment besides: which models there are, and how much one may ask for."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    schemas["Model"]["enum"] = MODELS
    schemas["Choices"]["maximum"] = CHOICES_MAX
    schemas["OutputCap"]["maximum"] = TOKENS_MAX

    def bound(schema):
        if isinstance(schema, dict):
            if schema.get("minItems") == 1:
                schema["maxItems"] = MESSAGES_MAX
            for value in schema.values():
                bound(value)
        elif isinstance(schema, list):
            for value in schema:
                bound(value)

    for name in [name for name in schemas if name.endswith("Request")] + ["Texts"]:
        bound(schemas[name])
    path = document["paths"]["/v1/models/{model}"]["get"]
    next(p for p in path["parameters"] if p.get("in") == "path")["schema"]["enum"] = MODELS
    return document


CONFIG = schemathesis.Config.from_dict({
    "seed": SEED,
    "suppress-health-check": ["all"],
    "generation": {"max-examples": EXAMPLES, "with-security-parameters": False, "database": "none"},
    # One of ours tells a policy's refusals from those for the form.
    "checks": {"positive_data_acceptance": {"enabled": False}},
})
operations = schemathesis.openapi.from_dict(narrowed(SOURCE), config=CONFIG)


# MARK: What must hold of each answer

@schemathesis.check
def valid_data_is_understood(ctx, response, case):
    """The document promises no more than the gateway takes: only what is not in it may stand against valid data."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code < 400:
        return
    # The document says in words that no name is written in another case; chance hits only the one of one letter.
    error = response.json()["error"]
    code = error["code"]
    if isinstance(case.body, dict) and "N" in case.body and (code, error.get("param")) == ("invalid_value", "n"):
        return
    assert code in VALID_AND_REFUSED, f"{response.status_code} {code} for data that the document calls valid: {response.text}"


# The model server's own word; a policy; a guideline that made-up text went against.
VALID_AND_REFUSED = {"upstream_rejected", "unscreenable_content", "content_policy_violation", "method_not_allowed"}


@schemathesis.check
def errors_name_their_request(ctx, response, case):
    if response.status_code >= 400 and response.request.method != "HEAD":
        assert response.headers["x-request-id"] == [response.json()["error"]["request_id"]]


@schemathesis.check
def wrong_methods_are_told_in_the_shape_of_the_api(ctx, response, case):
    """No operation has the answer to a method that it is not asked by; the document has it beside them."""
    if response.status_code != 405 or response.request.method == "HEAD":
        return
    name = {"Anthropic": "AnthropicMethodNotAllowed", "OpenAI": "MethodNotAllowed"}[case.operation.tags[0]]
    if case.operation.path.startswith("/v1/models"):
        name = "ModelsMethodNotAllowed"
    components = SOURCE["components"]
    schema = components["responses"][name]["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for({**schema, "components": components}).validate(response.json())


@schemathesis.check
def streams_are_events(ctx, response, case):
    """What the document says of events: JSON objects, named by their type or unnamed, the last of the unnamed `[DONE]`."""
    if not response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
        return
    pieces = response.content.decode().split("\n\n")
    assert response.stream_cut_short or pieces[-1] == ""
    for number, event in enumerate(pieces[:-1]):
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        if fields["data"] == "[DONE]":
            assert number == len(pieces) - 2 and "event" not in fields
            continue
        data = json.loads(fields["data"])
        assert "error" not in data
        if "event" in fields:
            assert fields["event"] == data["type"]
        else:
            assert isinstance(data["choices"], list)
    if "choices" in pieces[0] and not response.stream_cut_short:
        assert pieces[-2] == "data: [DONE]"


# MARK: The tests

def address():
    """Of somebody new to the guard against wrong keys, of which these tests send many. Known proxies are believed."""
    number = next(ADDRESSES)
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


# Not made by chance: schemathesis lets that be the same each time.
ADDRESSES = itertools.count()


@operations.parametrize()
def test_every_operation_does_what_the_document_says(case, gateway, document):
    fields = {"Authorization": f"Bearer {gateway.key}", "x-forwarded-for": address()}
    case.call_and_validate(base_url=document["servers"][0]["url"], headers=fields)


ALL = [(method, path) for path, methods in SOURCE["paths"].items() for method in methods]


def ask(gateway, method, path, body=b"{}", **fields):
    return requests.request(
        method, gateway.gateway + path.replace("{model}", "rehearsal"), data=body if method == "post" else None,
        headers={"x-forwarded-for": address()} | fields, timeout=30)


def test_the_document_says_where_the_gateway_is(gateway, document):
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": gateway.gateway}]
    assert document["info"]["version"] in gateway.command("--version").stdout


SCHEMES = {"bearer": lambda key: {"authorization": f"Bearer {key}"}, "apiKey": lambda key: {"x-api-key": key}}


@pytest.mark.parametrize("method, path", ALL)
def test_no_operation_is_open_to_strangers_and_either_scheme_opens_it(gateway, document, method, path):
    security = document["paths"][path][method]["security"]
    assert {name for entry in security for name in entry} == set(document["components"]["securitySchemes"]) == set(SCHEMES)
    for fields in [{}] + [scheme(key) for scheme in SCHEMES.values() for key in ("", "x", gateway.key[:-1])]:
        answer = ask(gateway, method, path, **fields)
        assert answer.status_code == 401, fields
        operations[path][method.upper()].validate_response(answer)
    for scheme in SCHEMES.values():
        # There is no form in the body, and nothing in the object.
        expected = 200 if method == "get" else 415 if "audio" in path else 400
        assert ask(gateway, method, path, **scheme(gateway.key)).status_code == expected


MALFORMED = [
    b"", b" ", b"{", b"{}{}", b"[]", b"7", b"null", b'"model"', b'\xef\xbb\xbf{}', b'{"model":"rehearsal","model":"rehearsal"}',
    b'{"model":"\xff"}', b'{"model":"\\ud800"}', b"{'model':1}", b'{"model":NaN}', b'{"input":1e999}', b'{"a":1,}', b"[" * 5000,
    b'{"Model":"rehearsal"}',
]
PART = b'--b\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n'
MODEL = PART % (b"model", b"rehearsal-all")
MALFORMED_FORMS = [
    b"", b"--b--", b"--c--", FILE + b"--b--", MODEL + b"--b--", MODEL + FILE, MODEL + FILE + b"--b", MODEL + MODEL + FILE + b"--b--",
    MODEL + FILE + FILE + b"--b--", MODEL + PART % (b"file", b"x") + b"--b--", PART % (b"model", b"\xff") + FILE + b"--b--",
    MODEL + FILE + PART % (b"stream", b"yes") + b"--b--", MODEL + FILE + PART % (b"response_format", b"mp3") + b"--b--",
    MODEL + FILE + PART % (b'a"; filename="b', b"x") + b"--b--", MODEL + FILE + b"--b--" + b"more",
]


@pytest.mark.parametrize("path", [path for method, path in ALL if method == "post"])
def test_malformed_bodies_are_refused_in_the_shape_of_the_api(gateway, rehearsal, path):
    """Nothing of them reaches the model server."""
    form = "audio" in path
    for body in MALFORMED_FORMS if form else MALFORMED:
        fields = {"content-type": "multipart/form-data; boundary=b" if form else "application/json"}
        answer = ask(gateway, "post", path, body, authorization=f"Bearer {gateway.key}", **fields)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["error"]["code"] in {"malformed_json", "invalid_value"}
        operations[path]["POST"].validate_response(answer)
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_answers_have_the_header_fields_that_the_document_names(gateway, document, path):
    operation = document["paths"][path]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    answer = ask(gateway, "post", path, json.dumps(example).encode(), **{"x-api-key": gateway.key})
    # This deployment enforces.
    documented = set(operation["responses"]["200"]["headers"]) - {"x-steward-observe-only"}
    assert answer.status_code == 200
    assert documented <= {name.lower() for name in answer.headers}
    assert {name for name in answer.headers if "ratelimit" in name} <= documented


def test_client_libraries_find_models_by_any_name(gateway):
    for name in MODELS:
        assert gateway.client().models.retrieve(name).id == name
    # Escaped twice, it is another name.
    with pytest.raises(openai.NotFoundError):
        gateway.client().models.retrieve("org%2Frehearsal é?")
