"""What clients of all dialects ask, and what they saw."""

import json
import random
import threading
import time
from dataclasses import dataclass, field

import httpx

PROMPTS = ("Tell me about lighthouses.", "What is a fair limit?", "Write four lines on rivers. " * 20)
# Goes wrong, or is worth a finding, now and then.
OPTIONS = (
    ("", 60), ("rate=200; tokens=60", 12), ("ttft=150ms", 6), ("style=violating; violation=card", 6),
    ("style=violating; violation=private-key", 2), ("error=500", 2), ("error=429; retry-after=1", 1), ("error=400", 2),
    ("fault=close", 1), ("fault=reset-mid-stream; after=4", 2), ("fault=truncated; after=4", 2),
    ("fault=garbage-json", 1), ("fault=drip; drip=5ms", 2), ("fault=no-done", 1))
SECRET = "My card is 4111 1111 1111 1111, keep it."
FORM = {"file": ("talk.wav", b"RIFF and nothing that is no text" * 9)}


def messages(prompt):
    return [{"role": "user", "content": prompt}]


def chat(prompt, stream):
    return {"messages": messages(prompt)} | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def completions(prompt, stream):
    return {"prompt": prompt, "max_tokens": 200} | (
        {"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def last_of(events, kind):
    return next((event for event in reversed(events) if event.get("type") == kind), None)


def openai_stream(events):
    """Whether it ended as it should, and the tokens that it names."""
    usage = next((event["usage"] for event in reversed(events) if event.get("usage")), None)
    return events[-1:] == [{"type": "[DONE]"}], usage and (usage["prompt_tokens"], usage["completion_tokens"])


def responses_stream(events):
    last = last_of(events, "response.completed") or last_of(events, "response.incomplete")
    usage = last and last["response"].get("usage")
    return last is not None, usage and (usage["input_tokens"], usage["output_tokens"])


def messages_stream(events):
    begin, end = last_of(events, "message_start"), last_of(events, "message_delta")
    if last_of(events, "message_stop") is None:
        return False, None
    return True, (begin["message"]["usage"]["input_tokens"], end["usage"]["output_tokens"])


def transcript_stream(events):
    return last_of(events, "transcript.text.done") is not None, None


def openai_usage(body):
    usage = body.get("usage") or {}
    return (usage["prompt_tokens"], usage.get("completion_tokens", 0)) if "prompt_tokens" in usage else None


def new_usage(body):
    usage = body.get("usage") or {}
    return (usage["input_tokens"], usage["output_tokens"]) if "output_tokens" in usage else None


@dataclass
class Kind:
    """A way to ask."""

    path: str
    body: callable
    usage: callable = openai_usage
    stream: callable = None
    # Of a hundred requests.
    weight: int = 10
    is_form: bool = False


KINDS = (
    Kind("/v1/chat/completions", chat, stream=openai_stream, weight=40),
    Kind("/v1/completions", completions, stream=openai_stream, weight=12),
    Kind("/v1/responses", lambda prompt, stream: {"input": prompt} | ({"stream": True} if stream else {}),
         usage=new_usage, stream=responses_stream, weight=12),
    Kind("/v1/messages", lambda prompt, stream: {"messages": messages(prompt), "max_tokens": 300}
         | ({"stream": True} if stream else {}), usage=new_usage, stream=messages_stream, weight=18),
    Kind("/v1/messages/count_tokens", lambda prompt, stream: {"messages": messages(prompt)}, usage=lambda body: None, weight=4),
    Kind("/v1/embeddings", lambda prompt, stream: {"input": prompt}, weight=6),
    Kind("/v1/moderations", lambda prompt, stream: {"input": prompt}, usage=lambda body: None, weight=3),
    Kind("/v1/images/generations", lambda prompt, stream: {"prompt": prompt}, usage=lambda body: None, weight=2),
    Kind("/v1/audio/transcriptions", lambda prompt, stream: {"prompt": prompt} | ({"stream": "true"} if stream else {}),
         usage=lambda body: None, stream=transcript_stream, weight=3, is_form=True),
)


@dataclass
class Seen:
    """What a client saw of one request."""

    gateway: int
    path: str
    stream: bool
    key: str
    begin: float
    end: float = 0.0
    # Without `req_`; None where no head of an answer came.
    id: str = None
    status: int = None
    code: str = None
    # The answer came to its end and was no error.
    is_whole: bool = False
    # The client went before the end.
    has_left: bool = False
    tokens: tuple = None


@dataclass
class Log:
    """What all clients saw, in the order of their ends."""

    seen: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seen):
        with self.lock:
            self.seen.append(seen)


class Client(threading.Thread):
    """Asks one thing after the other, of any gateway."""

    def __init__(self, gateways, keys, log, ends, seed, pause=0.0, only=None):
        super().__init__(daemon=True)
        self.gateways, self.keys, self.log, self.ends, self.pause, self.only = gateways, keys, log, ends, pause, only
        self.random = random.Random(seed)
        self.http = httpx.Client(timeout=30)

    def run(self):
        while not self.ends.is_set():
            self.ask()
            # A gateway that is away refuses at once; nobody asks it a thousand times a second.
            time.sleep(self.pause)

    def ask(self):
        gateway = self.random.randrange(len(self.gateways))
        kind = self.only or self.random.choices(KINDS, [kind.weight for kind in KINDS])[0]
        stream = kind.stream is not None and self.only is None and self.random.random() < 0.6
        options = self.random.choices([o for o, _ in OPTIONS], [w for _, w in OPTIONS])[0] if self.only is None else ""
        prompt = SECRET if self.random.random() < 0.05 else self.random.choice(PROMPTS)
        key = self.random.choice(self.keys)
        seen = Seen(gateway, kind.path, stream, key, time.time())
        body = kind.body(prompt, stream) | {"model": "vision" if kind.is_form else "rehearsal"}
        headers = {"authorization": f"Bearer {key}", "anthropic-version": "2023-06-01", "x-rehearsal": options}
        content = {"data": body, "files": FORM} if kind.is_form else {"json": body}
        try:
            with self.http.stream("POST", self.gateways[gateway].gateway + kind.path, headers=headers, **content) as answer:
                self.read(answer, kind, seen)
        except (httpx.HTTPError, OSError):
            pass
        seen.end = time.time()
        self.log.add(seen)
        if seen.status is None:
            time.sleep(0.2)

    def read(self, answer, kind, seen):
        seen.id = (answer.headers.get("x-request-id") or "").removeprefix("req_") or None
        seen.status = answer.status_code
        if seen.status == 200 and "event-stream" in answer.headers.get("content-type", ""):
            leaves = self.random.random() < 0.08
            text = b""
            for piece in answer.iter_raw():
                text += piece
                if leaves:
                    seen.has_left = True
                    return
            seen.is_whole, seen.tokens = kind.stream(events(text))
            return
        body = json.loads(answer.read())
        if seen.status == 200:
            seen.is_whole, seen.tokens = True, kind.usage(body)
        else:
            error = body["error"]
            # The code is that of any overload.
            seen.code = "draining" if "shutting down" in error["message"] else error.get("code") or error.get("type")


def events(text):
    """The data of each event."""
    found = []
    for event in text.decode().split("\n\n"):
        data = "".join(line[5:].strip() for line in event.splitlines() if line.startswith("data:"))
        if data:
            found.append({"type": data} if data == "[DONE]" else json.loads(data))
    return found
