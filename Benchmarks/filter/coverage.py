"""Which categories were measured in which languages."""
import pathlib

import numpy
import yaml

import measures
from quality import CATEGORY

TAXONOMY = pathlib.Path(__file__).parents[2] / "Sources/Filtering/Resources/taxonomy.yaml"
# Languages with fewer texts that ought to be found have no figure.
POSITIVES_MIN = 10


def measure(result, quality):
    """One row a category and language, in one set each: where it can be, the same set in all languages."""
    rows = [*_hate(quality), *_toxicity(quality), *_attacks(quality), *_english(quality)]
    rows += [_pattern(category, result["personal"][name]) for name, category in _PERSONAL.items()]
    rows.append(_pattern("secret", result["secrets"]))
    categories = yaml.safe_load(TAXONOMY.read_text())["categories"]
    judged = [category["id"] for category in categories if category.get("judged")]
    return {"judged": judged, "rows": rows, "harmless": _harmless(quality)}


_PERSONAL = {
    "CREDIT_CARD": "pii.card", "IBAN_CODE": "pii.iban", "EMAIL_ADDRESS": "pii.email", "PHONE_NUMBER": "pii.phone",
    "US_SSN": "pii.national_id",
}  # fmt: skip


def _languages(quality, *sets):
    return sorted(set(quality.languages[quality.is_set(*sets)]))


def _in(language, row):
    return {"language": language, **row}


def _hate(quality):
    for language in ("en", *_languages(quality, "hatecheck_languages")):
        mask = quality.is_set("hatecheck", "hatecheck_languages") & (quality.languages == language)
        yield _in(language, quality.row("HateCheck", "hate", mask))


def _toxicity(quality):
    for language in ("en", *_languages(quality, "templates_languages")):
        mask = quality.is_set("sentence_templates", "templates_languages") & (quality.languages == language)
        yield _in(language, quality.row("sentence templates", "offence", mask))


def _attacks(quality):
    """Attacks; what is none are false refusals and, in languages that have it, HateCheck, which attacks nobody's rules."""
    attack = quality.label("attack")
    ours = quality.is_set("attacks", "false_refusals", "hatecheck_languages")
    for language in ("en", *(name for name in _languages(quality, "attacks") if name != "en")):
        mask = ours & (quality.languages == language)
        positives = (mask & (attack == 1)).sum()
        if positives >= POSITIVES_MIN:
            yield _in(language, quality.row("attacks", "attack", mask))


def _english(quality):
    for head in ("violence", "sexual", "self_harm"):
        yield _in("en", quality.row("moderation", head, quality.is_set("moderation")))
    requests = quality.is_set("harmful_requests", "benign_instructions")
    yield _in("en", quality.row("harmful requests", "illicit", requests))
    for name in ("sms", "mail"):
        yield _in("en", quality.row(name, "spam", quality.is_set(name)))


def _pattern(category, row):
    """Patterns find or do not: there is no curve, and what they find are places, no texts."""
    none = dict.fromkeys(("auprc", "auprc_interval", "recall_at_1", "recall_at_5", "found"))
    kind = "secrets" if category == "secret" else "personal data"
    return {"language": "en", "set": kind, "category": category, "n": None, "positives": row["n"], **none,
            "f1": row["f1"], "recall": row["recall"]}  # fmt: skip


def _harmless(quality):
    """Requests that look harmful and are not, by language."""
    flagged = quality.scan.found(*(category for names in CATEGORY.values() for category in names))
    blocked = quality.scan.blocked()
    rows = {}
    for language in _languages(quality, "false_refusals"):
        mask = quality.is_set("false_refusals") & (quality.languages == language)
        rows[language] = {"blocked": measures.rate(blocked[mask]), "found": measures.rate(flagged[mask])}
    return rows


def uncovered(rows, languages):
    """Of texts to be found in these languages, the most that are found as shipped."""
    return max(row["recall"] for row in rows if row["language"] in languages and row["recall"] is not None)


def never(coverage):
    """Categories that something judges and no set measured."""
    measured = {row["category"] for row in coverage["rows"]}
    return [category for category in coverage["judged"] if category not in measured]


def languages(rows):
    """English first, then by how many categories were measured."""
    count = {}
    for row in rows:
        count[row["language"]] = count.get(row["language"], 0) + 1
    return sorted(count, key=lambda name: (name != "en", -count[name], name))
