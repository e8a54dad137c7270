"""A body is parsed once and strictly; what is wrong is named with its place, and nothing of it reaches a model."""

import json

import pytest

PREFIX = b'{"model":"rehearsal","messages":[{"role":"user","content":"Hi."}]'


def body(rest):
    return PREFIX + rest


HOSTILE = {
    "nothing": b"",
    "only spaces": b"  \n ",
    "no json": b"hello",
    "html": b"<html></html>",
    "a byte order mark": b"\xef\xbb\xbf" + body(b"}"),
    "a key twice": body(b',"model":"other"}'),
    "a key twice, once escaped": body(b',"\\u006dodel":"other"}'),
    "a key twice, deep": body(b',"a":{"b":[{"c":1,"c":2}]}}'),
    "invalid UTF-8": body(b',"a":"\xff"}'),
    "an overlong form": body(b',"a":"\xc0\xaf"}'),
    "a raw surrogate": body(b',"a":"\xed\xa0\x80"}'),
    "a cut UTF-8 sequence": body(b',"a":"\xe2\x82"}'),
    "invalid UTF-8 in a key": body(b',"\xff":1}'),
    "a lone high surrogate": body(b',"a":"\\ud800"}'),
    "a lone low surrogate": body(b',"a":"\\udc00"}'),
    "surrogates in wrong order": body(b',"a":"\\udc00\\ud800"}'),
    "65 levels": body(b',"a":' + b"[" * 64 + b"]" * 64 + b"}"),
    "65 levels of objects": body(b',"a":' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}"),
    "100,000 levels": body(b',"a":' + b"[" * 100_000),
    "a number beyond binary64": body(b',"a":1e999}'),
    "a negative number beyond binary64": body(b',"a":-1e999}'),
    "not a number": body(b',"a":NaN}'),
    "infinity": body(b',"a":Infinity}'),
    "a leading zero": body(b',"a":01}'),
    "a bare point": body(b',"a":1.}'),
    "a plus": body(b',"a":+1}'),
    "hexadecimal": body(b',"a":0x10}'),
    "trailing bytes": body(b"} {}"),
    "a trailing brace": body(b"}}"),
    "a trailing NUL": body(b"}\x00"),
    "a trailing comma": body(b',"a":[1,]}'),
    "a comment": body(b"/* hi */}"),
    "single quotes": body(b",'a':1}"),
    "an unquoted key": body(b",a:1}"),
    "a control character": body(b',"a":"\x01"}'),
    "a newline in a string": body(b',"a":"x\ny"}'),
    "a wrong escape": body(b',"a":"\\x41"}'),
    "a short escape": body(b',"a":"\\u12"}'),
    "cut off": body(b""),
    "cut off in a string": body(b',"a":"never'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_body_that_is_not_strict_json_is_refused_with_its_place(steward, rehearsal, name):
    answer = steward.post(HOSTILE[name])
    assert answer.status == 400, answer
    assert answer.error["code"] == "malformed_json"
    assert answer.fields["x-should-retry"] == "false"
    assert " at line " in answer.error["message"] and ", column " in answer.error["message"]
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/v1/moderations"])
def test_every_address_parses_as_strictly(steward, rehearsal, path):
    answer = steward.post(b'{"model":"rehearsal","input":"a","prompt":"a","input":"b"}', path=path)
    assert (answer.status, answer.error["code"]) == (400, "malformed_json")
    assert 'Duplicate key "input"' in answer.error["message"]
    assert rehearsal.requests() == 0


def test_the_place_is_exact(steward):
    answer = steward.post(b'{\n  "model": "rehearsal",\n  "messages": [\n    {"role": "user", "role": "system"}]}')
    assert "line 4, column 22" in answer.error["message"]
    assert answer.error["param"] == "/messages/0"


FINE = {
    "64 levels": body(b',"a":' + b"[" * 63 + b"]" * 63 + b"}"),
    "spaces around": b" \r\n\t" + body(b"} \n"),
    "escapes of all kinds": body(b',"a":"\\u0041\\ud83d\\ude00\\n\\/\\"\\\\"}'),
    "a NUL as an escape": body(b',"a":"\\u0000"}'),
    "numbers of all kinds": body(b',"a":[-0,1E400000000000000000000000000000000e0]}'.replace(b"1E400000000000000000000000000000000e0", b"1e-400")),
    "raw text in many scripts": body(',"a":"Ünï ← 漢字 😀"}'.encode()),
    "an empty key": body(b',"":0}'),
}


@pytest.mark.parametrize("name", FINE)
def test_strict_json_passes_and_means_the_same_upstream(steward, rehearsal, name):
    answer = steward.post(FINE[name])
    assert answer.status == 200, answer
    sent, got = json.loads(FINE[name]), rehearsal.last_body()
    assert {key: got[key] for key in sent} == sent


def test_what_was_screened_is_what_is_sent(steward, rehearsal):
    """The model gets a serialisation of the tree that was screened, never the bytes of the caller."""
    steward.post(b'{ "messages" : [ { "role":"user" , "content":"\\u0048i." } ] ,"model":"rehearsal" }')
    raw = rehearsal.observations()["last"]["body"]
    assert "\\u0048" not in raw and '"content":"Hi."' in raw
