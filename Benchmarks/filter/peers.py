"""What others say of the same texts, in the same run: packages that work without a network."""
import importlib.metadata
import os
import tempfile
import time

import numpy

import measures
import spans


def _version(name):
    return f"{name} {importlib.metadata.version(name)}"


def _timed(judge, texts):
    """Answers, and microseconds of processor time a KB."""
    start = time.process_time()
    answers = judge(texts)
    taken = time.process_time() - start
    return answers, taken * 1e6 / (sum(len(text.encode()) for text in texts) / 1024)


def profanity_check(texts):
    import profanity_check

    return numpy.array(profanity_check.predict_prob(texts))


def better_profanity(texts):
    from better_profanity import profanity

    profanity.load_censor_words()
    return numpy.array([float(profanity.contains_profanity(text)) for text in texts])


def toxicity(quality):
    """Rows for sets of insult and hate, with the two packages that judge profanity."""
    rows = []
    for package, judge in (("alt-profanity-check", profanity_check), ("better-profanity", better_profanity)):
        for name, head in (("chats", "offence"), ("moderation", "offence"), ("gab", "hate"), ("hatecheck", "hate")):
            mask = quality.is_set(name) & (quality.label(head) >= 0)
            # The second takes a millisecond a text.
            rows_used = numpy.flatnonzero(mask)[:1500] if judge is better_profanity else numpy.flatnonzero(mask)
            labels = quality.label(head)[rows_used]
            scores, cost = _timed(judge, [quality.tests[row].text[:4000] for row in rows_used])
            rows.append({
                "peer": _version(package), "set": name, "category": head, "n": len(rows_used),
                "auprc": measures.auprc(labels, scores),
                "ours": measures.auprc(labels, quality.of_head[head][rows_used]), "microseconds_a_kilobyte": cost,
            })  # fmt: skip
    return rows


def presidio(data):
    """Presidio's patterns, without a language model: what has a fixed form needs none."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self):
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    # Its list of domains comes with it; it would ask the network for a newer one.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers()
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    types = [*spans.FIXED, *spans.LOOSE]
    texts = spans.load_personal(data)

    def judge(texts):
        return [
            [(r.entity_type, r.start, r.end) for r in analyzer.analyze(text, language="en", entities=types, score_threshold=0.4)]
            for text in texts
        ]  # fmt: skip

    found, cost = _timed(judge, [text["text"] for text in texts])
    rows = spans.compare(texts, found, types)
    rows["fixed form"] = spans.together(rows, spans.FIXED)
    return {"peer": _version("presidio-analyzer"), "rows": rows, "microseconds_a_kilobyte": cost}


def detect_secrets(data):
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    texts = spans.load_secrets(data)

    def judge(texts):
        found = []
        with tempfile.TemporaryDirectory() as folder, default_settings():
            path = os.path.join(folder, "text.txt")
            for text in texts:
                with open(path, "w") as file:
                    file.write(text)
                collection = SecretsCollection()
                collection.scan_file(path)
                found.append(bool(collection.json()))
        return found

    found, cost = _timed(judge, [text["text"] for text in texts])
    return {
        "peer": _version("detect-secrets"), **spans.judge_secrets(texts, found), "microseconds_a_kilobyte": cost,
    }  # fmt: skip
