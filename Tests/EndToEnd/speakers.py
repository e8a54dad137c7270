"""The dialects, each spoken by its own client: what was said, and how it ended."""

import io

import anthropic
import openai

VISION = "rehearsal-vision"


class Speaker:
    """One of them."""

    statuses = {}
    library = openai

    def __init__(self, steward, **options):
        """Of everything that is asked, the request ids are noted, however it ends."""
        self.ids = []
        notes = self.library.DefaultHttpxClient(event_hooks={"response": [self.note]})
        options = {"max_retries": 0, "timeout": 30, "http_client": notes} | options
        if self.library is anthropic:
            self.client = anthropic.Anthropic(**({"base_url": steward.gateway, "api_key": steward.key} | options))
        else:
            self.client = openai.OpenAI(**({"base_url": steward.gateway + "/v1", "api_key": steward.key} | options))

    def note(self, response):
        self.ids.append(response.headers.get("x-request-id"))

    def __repr__(self):
        return type(self).__name__.lower()

    def plain(self, prompt, options):
        raise NotImplementedError

    def stream(self, prompt, options):
        raise NotImplementedError


class Chat(Speaker):
    blocked = "content_filter"

    def ask(self, prompt, options, **more):
        return self.client.chat.completions.create(
            model="rehearsal", messages=[{"role": "user", "content": prompt}], extra_headers=header(options), **more)

    def plain(self, prompt, options):
        choice = self.ask(prompt, options).choices[0]
        return choice.message.content, choice.finish_reason

    def stream(self, prompt, options):
        text, reason = "", None
        for chunk in self.ask(prompt, options, stream=True):
            for choice in chunk.choices:
                text, reason = text + (choice.delta.content or ""), choice.finish_reason or reason
        return text, reason


class Completions(Speaker):
    blocked = "content_filter"

    def ask(self, prompt, options, **more):
        return self.client.completions.create(
            model="rehearsal", prompt=prompt, max_tokens=4_000, extra_headers=header(options), **more)

    def plain(self, prompt, options):
        choice = self.ask(prompt, options).choices[0]
        return choice.text, choice.finish_reason

    def stream(self, prompt, options):
        text, reason = "", None
        for chunk in self.ask(prompt, options, stream=True):
            for choice in chunk.choices:
                text, reason = text + choice.text, choice.finish_reason or reason
        return text, reason


class Responses(Speaker):
    blocked = "content_filter"

    def ask(self, prompt, options, **more):
        return self.client.responses.create(
            model="rehearsal", input=prompt, extra_headers=header(options), **more)

    def plain(self, prompt, options):
        response = self.ask(prompt, options)
        details = response.incomplete_details
        return response.output_text, details.reason if details else response.status

    def stream(self, prompt, options):
        text, reason, numbers = "", None, []
        for event in self.ask(prompt, options, stream=True):
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.output_text.done":
                assert event.text == text
            if event.type in ("response.completed", "response.incomplete"):
                details = event.response.incomplete_details
                reason = details.reason if details else event.response.status
                assert event.response.output_text == text
        assert numbers == list(range(len(numbers)))
        return text, reason


class Messages(Speaker):
    library = anthropic
    blocked = "refusal"
    # Anthropic has a status of its own for a server that is too busy.
    statuses = {503: 529}

    def ask(self, prompt, options, **more):
        return self.client.messages.create(
            model="rehearsal", max_tokens=4_000, messages=[{"role": "user", "content": prompt}],
            extra_headers=header(options), **more)

    def plain(self, prompt, options):
        message = self.ask(prompt, options)
        return "".join(block.text for block in message.content), message.stop_reason

    def stream(self, prompt, options):
        text, reason, events = "", None, []
        for event in self.ask(prompt, options, stream=True):
            events.append(event.type)
            if event.type == "content_block_delta":
                text += event.delta.text
            if event.type == "message_delta":
                reason = event.delta.stop_reason
        assert events[0] == "message_start" and events[-1] == "message_stop"
        assert events.count("content_block_start") == events.count("content_block_stop")
        return text, reason


class Transcriptions(Speaker):
    blocked = None
    model = VISION

    def ask(self, prompt, options, **more):
        return self.client.audio.transcriptions.create(
            model=self.model, file=sound(), prompt=prompt, extra_headers=header(options), **more)

    def plain(self, prompt, options):
        return self.ask(prompt, options).text, None

    def stream(self, prompt, options):
        text, reason = "", None
        for event in self.ask(prompt, options, stream=True):
            if event.type == "transcript.text.delta":
                text += event.delta
            else:
                assert event.type == "transcript.text.done" and event.text == text
        return text, reason


def sound(name="talk.wav"):
    file = io.BytesIO(b"RIFF and nothing that is no text" * 9)
    file.name = name
    return file


def header(options):
    return {"x-rehearsal": options} if options else {}
