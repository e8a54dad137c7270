"""When a streamed answer may leave, as the clause has it that something in it breaks."""

import openai
import pytest
from harness import Steward
from reloading import guidelines, value
from speakers import Chat, Completions, Messages, Responses, Transcriptions



class Transcripts(Transcriptions):
    """A transcript has no words for it that it was withheld, and says it as an error."""

    blocked = "withheld"

    def plain(self, prompt, options):
        return super().plain(prompt, options)[0], "stop"

    def stream(self, prompt, options):
        text = ""
        try:
            for event in self.ask(prompt, options, stream=True):
                text += getattr(event, "delta", "")
        except openai.APIError as error:
            assert "withheld" in error.message
            return text, self.blocked
        return text, "stop"


STREAMED = [Chat, Completions, Responses, Messages, Transcripts]


@pytest.fixture(scope="module")
def with_clause(tmp_path_factory, rehearsal_server):
    """A Steward whose only clause is about cards; each is started once."""
    made = {}

    def make(streams=None, verdict="block", **filter):
        key = (streams, verdict, *filter.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("modes")
            more = f", streams: {streams}" if streams else ""
            (folder / "guidelines.yaml").write_text(guidelines("Cards", "pii.card", "allow").replace(
                "completion: redact", f"completion: {verdict}{more}"))
            settings = {"guidelines": {"file": str(folder / "guidelines.yaml")}, "filter": filter}
            made[key] = Steward(folder / "steward", upstream=rehearsal_server.url, settings=settings)
        return made[key]

    yield make
    for steward in made.values():
        steward.stop()


def answer(speaker, stream, split):
    """What Steward's caller gets, and how it ended."""
    options = f"style=violating; violation=card; split={split}"
    try:
        said, reason = (speaker.stream if stream else speaker.plain)("Tell me about the harbour.", options)
    except openai.BadRequestError as withheld:
        assert isinstance(speaker, Transcripts) and withheld.code == "content_policy_violation"
        return "", speaker.blocked
    return said or "", reason


def digits(text):
    return "".join(character for character in text if character.isdigit())


@pytest.mark.parametrize("split", [1, 2, 7, 19])
@pytest.mark.parametrize("streams", ["hold", "window", "pass"])
@pytest.mark.parametrize("speaker", STREAMED, ids=lambda speaker: speaker.__name__.lower())
def test_the_flag_never_changes_what_is_enforced(with_clause, speaker, streams, split):
    steward = with_clause(streams)
    spoken = speaker(steward)
    whole, reason = answer(spoken, False, split)
    streamed, end = answer(spoken, True, split)
    assert (reason, end) == (spoken.blocked, spoken.blocked) and not digits(whole)
    records = {record["stream"]: record for record in map(steward.record, spoken.ids)}
    assert [records[stream]["outcome"] for stream in (False, True)] == ["blocked", "blocked"]
    for record in records.values():
        blocking = [(f["rule"], f["clause"]) for f in record["findings"] if f["verdict"] == "block"]
        assert blocking == [("pii/card-number", "cards")]
    released = records[True]["released_bytes"]
    assert "released_bytes" not in records[False] and released == len(streamed.encode())
    if streams == "hold":
        assert streamed == ""
    elif streams == "window":
        assert streamed and not digits(streamed)
    else:
        # What has left when it is known to be a number: all of it, where only what comes next tells that it has ended.
        assert digits(streamed) or split == 1


@pytest.mark.parametrize("streams", ["hold", "window"])
@pytest.mark.parametrize("speaker", STREAMED, ids=lambda speaker: speaker.__name__.lower())
def test_what_is_redacted_is_so_in_every_mode(with_clause, speaker, streams):
    steward = with_clause(streams, "redact")
    spoken = speaker(steward)
    assert answer(spoken, True, 5) == answer(spoken, False, 5)
    assert "[redacted:pii.card]" in answer(spoken, True, 3)[0]
    assert all("released_bytes" not in steward.record(id) for id in spoken.ids)


def test_a_held_answer_that_breaks_nothing_is_the_same(with_clause):
    def events(steward):
        return [
            chunk.model_dump(exclude={"id", "created"}) for chunk in steward.chat(
                "Tell me about the harbour.", "split=3", stream=True, stream_options={"include_usage": True})]
    assert events(with_clause("hold")) == events(with_clause("window"))


@pytest.mark.parametrize("speaker", STREAMED, ids=lambda speaker: speaker.__name__.lower())
def test_text_that_has_waited_for_too_long_leaves(with_clause, speaker):
    """A model that goes silent in the middle of what may become a number."""
    steward = with_clause(hold_back_time_max="100ms")
    spoken, before = speaker(steward), value(steward, "steward_stream_let_go_total")
    options = "style=violating; violation=card; split=7; rate=10"
    streamed, end = spoken.stream("Tell me about the harbour.", options)
    assert digits(streamed) and end == spoken.blocked
    record = steward.record(spoken.ids[-1])
    assert record["outcome"] == "blocked" and record["released_bytes"] == len(streamed.encode())
    assert value(steward, "steward_stream_let_go_total") > before


def test_text_waits_for_as_long_as_the_model_takes(with_clause):
    steward = with_clause("window")
    streamed, end = Chat(steward).stream(
        "Tell me about the harbour.", "style=violating; violation=card; split=7; rate=10")
    assert end == "content_filter" and not digits(streamed)
    assert value(steward, "steward_stream_let_go_total") == 0
