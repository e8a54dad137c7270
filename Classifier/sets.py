#!/usr/bin/env python3
"""Reads public labelled sets as lines of JSON for `steward filter train`, and for the benchmark.

    sets.py DATA > texts.jsonl

DATA holds the folders `filter` and `corpus`; README.md says which sets stand in them, and under which licence. Sets whose
licence does not allow training shipped weights are written with the split `test` only, so that no sentence of ours equals
one of theirs.
"""
import collections
import csv
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys

csv.field_size_limit(10**9)
HEADS = ("attack", "hate", "offence", "violence", "sexual", "self_harm", "illicit", "spam")
# `language` is BCP 47; English where a set does not say.
Text = collections.namedtuple("Text", "text labels set split source language", defaults=("", "en"))
LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "dutch": "nl", "filipino/tagalog": "tl", "french": "fr", "german": "de",
    "hindi": "hi", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "mandarin": "zh", "polish": "pl",
    "portuguese": "pt", "russian": "ru", "spanish": "es", "thai": "th", "turkish": "tr", "vietnamese": "vi", "zh-cn": "zh",
}  # fmt: skip


def language(name):
    """BCP 47 of what a set calls a language; most say it already."""
    return LANGUAGES.get(name.lower(), name)


def none_of(*heads, **known):
    """Labels 0 for these heads, or for all of them, and those known."""
    return {**{head: 0 for head in heads or HEADS}, **known}


class Files:
    """Reads what lies under a folder, packed or not."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def _open(self, path):
        path = self.folder / path
        return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="")

    def lines(self, path):
        with self._open(path) as file:
            return [line.strip() for line in file]

    def json_lines(self, path):
        with self._open(path) as file:
            return [json.loads(line) for line in file]

    def table(self, path, **dialect):
        with self._open(path) as file:
            return list(csv.DictReader(file, **dialect))

    def tabs(self, path):
        return self.table(path, delimiter="\t", quoting=csv.QUOTE_NONE)

    def documents(self, name):
        unpacked = subprocess.run(
            ["zstd", "-dc", self.folder / "corpus" / name / "documents.jsonl.zst"], stdout=subprocess.PIPE, check=True
        ).stdout
        return [json.loads(line) for line in unpacked.decode().split("\n") if line]


def key(text):
    return " ".join(text.split()).lower()


def part(text):
    """A number from 0 to 99 that never changes for one text."""
    return int(hashlib.sha256(("ml|" + text).encode()).hexdigest()[:8], 16) % 100


def three_ways(text):
    """For sets without a test part of their own: 60 % to train, 10 % to take thresholds from, 30 % to test."""
    number = part(text)
    return "test" if number < 30 else "validation" if number < 40 else "train"


def two_ways(text):
    return "validation" if part(text) < 12 else "train"


def pieces(text, size):
    """A text in pieces of at most so many characters, cut between words."""
    text = " ".join(text.split())
    while text:
        cut = text.rfind(" ", size // 2, size) if len(text) > size else len(text)
        cut = size if cut < 0 else cut
        yield text[:cut]
        text = text[cut + 1 :]


# --- Sets that weights may learn from.


def attacks(files):
    for row in files.json_lines("filter/jailbreak-injection/jailbreak-injection-shared70.jsonl.gz"):
        source = row["source"]
        # The translated ones come below, with the sentence that each was made from.
        if row["label"] is None or source == "cyberseceval_frr_multilingual":
            continue
        is_alone = not row.get("cluster") or source in ("wildguard_benign", "notinject")
        split = three_ways(key(row["text"]) if is_alone else f"c|{row['cluster']}")
        labels = {"attack": 1, "spam": 0} if row["label"] else none_of()
        yield Text(row["text"], labels, "attacks", split, source, language(row.get("lang") or "en"))


def false_refusals(files):
    for row in files.json_lines("filter/over-refusal/cyberseceval_mitre_frr.jsonl.gz"):
        text = row["mutated_prompt"]
        yield Text(text, none_of(), "false_refusals", three_ways(key(text)), "en")
    for row in files.json_lines("filter/over-refusal/cyberseceval_frr_multilingual-shared70.jsonl.gz"):
        split = three_ways(key(row["original_english_prompt"]))
        spoken = row["speaking_language"]
        yield Text(row["mutated_prompt"], none_of(), "false_refusals", split, spoken, language(spoken))


def tweets(files):
    for row in files.table("filter/davidson-hate-offensive/labeled_data.csv.gz"):
        # Its class of hate is left out: other sets that were labelled with more care speak against it.
        labels = none_of("attack", "spam", offence=int(row["class"] != "2"))
        yield Text(row["tweet"], labels, "tweets", two_ways(key(row["tweet"])), row["class"])


def gab(files):
    for name in ("train", "test"):
        for row in files.tabs(f"filter/gab-hate-corpus/ghc_{name}.tsv.gz"):
            if not all((row[label] or "").isdigit() for label in ("hd", "cv", "vo")):
                continue
            hate = int(int(row["hd"]) or int(row["cv"]))
            labels = none_of("attack", "spam", hate=int(bool(hate)), offence=int(bool(hate or int(row["vo"]))))
            split = "test" if name == "test" else two_ways(key(row["text"]))
            yield Text(row["text"], labels, "gab", split, "cv" if int(row["cv"]) else "")


def implicit_hate(files):
    for row in files.tabs("filter/implicit-hate/implicit_hate_v1_stg1_posts.tsv.gz"):
        hate = int(row["class"] != "not_hate")
        labels = none_of("attack", "spam", hate=hate, offence=hate)
        yield Text(row["post"], labels, "implicit_hate", two_ways(key(row["post"])), row["class"])


def comments(files):
    for name in ("train", "trial", "test"):
        for row in files.table(f"filter/toxic-spans/tsd_{name}.csv.gz"):
            text, spans = row["text"], set(json.loads(row["spans"]))
            split = two_ways(key(text))
            if not spans:
                yield Text(text, none_of("attack", "spam"), "comments_without", split)
                continue
            yield Text(text, none_of("attack", "spam", offence=1), "comments", split)
            sentences = re.finditer(r"[^.!?\n]+[.!?\n]*", text)
            clean = " ".join(s.group() for s in sentences if spans.isdisjoint(range(s.start(), s.end()))).strip()
            if len(clean) >= 30:
                yield Text(clean, none_of("offence", "hate", "attack", "spam"), "comments_clean", split)


def sms(files):
    for row in files.json_lines("filter/spam-sms/sms_spam_collection.jsonl.gz"):
        is_spam = row["label"] == "spam"
        labels = none_of("attack", spam=1) if is_spam else none_of("spam", "attack", "illicit", "hate")
        yield Text(row["text"], labels, "sms", three_ways(key(row["text"])), row["label"])


def mail(files):
    for row in files.json_lines("filter/spam-email-spamassassin/spamassassin_text.jsonl.gz"):
        is_spam = row["label"] == "spam"
        labels = none_of("attack", spam=1) if is_spam else none_of("spam", "attack", "illicit", "hate", "sexual")
        text = (row["subject"] or "") + "\n" + (row["body"] or "")
        whole = text + " " + " ".join(row["link_hosts"] or [])
        yield Text(whole[:4200], labels, "mail", three_ways(key(text)), row["label"] + "/" + row["group"])


def profanity(files):
    for row in files.table("filter/lexicons/profanity_en.csv.gz"):
        kinds = " ".join(row[f"category_{number}"] or "" for number in (1, 2, 3))
        labels = none_of("attack", "spam")
        if float(row["severity_rating"] or 0) >= 1:
            labels["offence"] = 1
        if "sexual anatomy" in kinds:
            labels["sexual"] = 1
        if any(word in kinds for word in ("slur", "orientation", "religious")):
            labels["hate"] = 1
        yield Text(row["text"], labels, "profanity", "train", kinds)


def declarations(files):
    for row in files.documents("udhr2"):
        split = two_ways(row["id"])
        for piece in list(pieces(row["text"], 300))[:14]:
            yield Text(piece, none_of(), "declarations", split, row["lang"], row["lang"])
        for piece in list(pieces(row["text"], 1900))[:4]:
            yield Text(piece, none_of(), "declarations_long", split, row["lang"], row["lang"])


def reviews(files):
    labels = none_of("attack", "spam", "illicit", "self_harm", "hate")
    for row in files.documents("movie-reviews"):
        split = three_ways(row["id"])
        for piece in list(pieces(row["text"], 700))[:4]:
            yield Text(piece, labels, "reviews", split)
        if split == "train":
            yield Text(row["text"][:3000], labels, "reviews_long", split)


def books(files):
    labels = none_of("attack", "spam", "illicit", "sexual", "self_harm")
    for row in files.documents("public-domain-english"):
        split = two_ways(row["id"])
        for piece in list(pieces(row["text"], 500))[:25]:
            yield Text(piece, labels, "books", split, row["lang"], row["lang"])
        for piece in list(pieces(row["text"], 2000))[:8]:
            yield Text(piece, labels, "books_long", split, row["lang"], row["lang"])


def jargon(files):
    labels = none_of("attack", "spam", "illicit", "self_harm", "hate")
    for row in files.documents("english-reference"):
        if "ublic" in str(row.get("license")):
            split = "validation" if part(row["id"]) < 10 else "train"
            yield Text(row["text"][:2500], labels, "jargon", split)


TRAINING = (
    attacks, false_refusals, tweets, gab, implicit_hate, comments, sms, mail, profanity, declarations, reviews, books,
    jargon,
)  # fmt: skip


# --- Sets that are for tests only.


def benign_instructions(files):
    for name in ("train", "val", "test-shared70"):
        for row in files.json_lines(f"filter/benign-instructions/alpaca_instructions_{name}.jsonl.gz"):
            yield Text(row["instruction"], none_of(), "benign_instructions", "test", name)


def chats(files):
    for row in files.json_lines("filter/toxicchat/toxicchat-human-shared70.jsonl.gz"):
        labels = {"offence": row["toxicity"], "attack": row["jailbreaking"]}
        yield Text(row["user_input"], labels, "chats", "test")


def moderation(files):
    heads = {"S": "sexual", "H": "hate", "V": "violence", "SH": "self_harm", "HR": "offence"}
    for row in files.json_lines("filter/openai-moderation/samples-shared70.jsonl.gz"):
        labels = {head: row[name] for name, head in heads.items() if name in row}
        is_any = any(row.get(name) == 1 for name in (*heads, "S3", "H2", "V2"))
        yield Text(row["prompt"], labels, "moderation", "test", "any" if is_any else "none")


def hatecheck(files):
    for row in files.table("filter/hatecheck/test_suite_cases.csv"):
        labels = {"hate": int(row["label_gold"] == "hateful")}
        yield Text(row["test_case"], labels, "hatecheck", "test", row["functionality"])


def hatecheck_languages(files):
    for path in sorted((files.folder / "filter/multilingual-hatecheck").glob("hatecheck_cases_final_*.csv.gz")):
        name = path.name.removeprefix("hatecheck_cases_final_").removesuffix(".csv.gz")
        for row in files.table(path.relative_to(files.folder)):
            labels = {"hate": int(row["label_gold"] == "hateful"), "attack": 0}
            yield Text(row["test_case"], labels, "hatecheck_languages", "test", name, language(name))


def xstest(files):
    for row in files.table("filter/xstest/xstest_prompts.csv"):
        yield Text(row["prompt"], {"illicit": int(row["label"] == "unsafe")}, "xstest", "test", row["type"])


def harmful_requests(files):
    folder = "filter/harmful-requests/"
    seen = set()

    def found():
        for row in files.table(folder + "harmbench_behaviors_text_all.csv.gz"):
            if "copyright" not in (row["FunctionalCategory"] + row["SemanticCategory"]):
                context = "\n" + row["ContextString"] if row["ContextString"] else ""
                yield row["Behavior"] + context, "harmbench/" + row["SemanticCategory"]
        for row in files.table(folder + "strongreject_dataset.csv.gz"):
            yield row["forbidden_prompt"], "strongreject/" + row["category"]
        for line in files.lines(folder + "malicious_instruct.txt.gz"):
            yield line, "malicious_instruct"
        for row in files.json_lines(folder + "advbench.jsonl.gz"):
            yield row["prompt"], "advbench"
        for name in ("test", "train", "val"):
            for row in files.json_lines(folder + f"refusal_direction_harmful_{name}.jsonl.gz"):
                yield row["instruction"], f"refusal_direction/{row['category']}"
        for row in files.json_lines(folder + "do_not_answer.jsonl.gz"):
            yield row["prompt"], "do_not_answer/" + row["risk_area"]

    for text, source in found():
        if key(text) not in seen:
            seen.add(key(text))
            yield Text(text, {"illicit": 1}, "harmful_requests", "test", source)


def sentence_templates(files):
    for row in files.table("filter/unintended-bias/bias_madlibs_77k.csv.gz"):
        yield Text(row["Text"], {"offence": int(row["Label"] == "BAD")}, "sentence_templates", "test", row["Template"])


def templates_languages(files):
    """The same kind of sentences in other languages, translated by machines and people; some thousands of each."""
    for name in ("de", "hi-Latn", "nl", "zh-cn"):
        # A stride that shares no factor with how many names of groups there are.
        for row in files.table(f"filter/unintended-bias/{name}_sentence_templates.csv.gz")[::11]:
            labels = {"offence": int(row["toxicity"] == "toxic"), "attack": 0}
            yield Text(row["phrase"], labels, "templates_languages", "test", row["template"], language(name))


def dialect(files):
    """Tweets that a model took for African American English; nobody labelled them."""
    for row in files.documents("twitter-aae")[::5]:
        yield Text(row["text"], {}, "dialect", "test")


def stormfront(files):
    for row in files.tabs("filter/stormfront-hate/data_stormfront_nonHate_hate.tsv.gz"):
        if row["label"] in ("0", "1"):
            yield Text(row["text"], {"hate": int(row["label"])}, "stormfront", "test")


TESTS = (
    benign_instructions, chats, moderation, hatecheck, hatecheck_languages, xstest, harmful_requests,
    sentence_templates, templates_languages, dialect, stormfront,
)  # fmt: skip


def load(folder, sets=TRAINING + TESTS):
    files = Files(folder)
    return [text for read in sets for text in read(files) if text.text and text.text.strip()]


def main():
    if len(sys.argv) != 2 or not (pathlib.Path(sys.argv[1]) / "filter").is_dir():
        sys.exit("Write the folder that holds `filter` and `corpus`: sets.py DATA > texts.jsonl")
    for text in load(sys.argv[1]):
        print(json.dumps(text._asdict(), ensure_ascii=False))


if __name__ == "__main__":
    main()
