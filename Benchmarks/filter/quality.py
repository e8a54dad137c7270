"""How well the filter judges public labelled sets: one row a set and category."""
import collections
import json
import pathlib
import random
import tempfile

import numpy

import measures
import obfuscate
import sets as labelled
from scan import Scan

GUIDELINES = pathlib.Path(__file__).resolve().parents[2] / "Sources/Guidelines/Resources/guidelines.yaml"
HARM = ("hate", "toxicity", "violence", "sexual", "self_harm")
ATTACK = ("prompt_attack", "jailbreak", "injection")
CATEGORY = {
    "attack": ATTACK, "hate": ("hate",), "offence": ("toxicity",), "violence": ("violence",), "sexual": ("sexual",),
    "self_harm": ("self_harm",), "illicit": ("illicit",), "spam": ("spam.received",),
}  # fmt: skip
# Of a head alone, without the rules that find a category too.
SCORE = {"attack": ("prompt_attack",)}


class Quality:
    def __init__(self, steward, data):
        self.steward = steward
        self.texts = labelled.load(data)
        self.tests = [text for text in self.texts if text.split == "test"]
        self.scan = Scan(steward, [text.text for text in self.tests])
        self.sets = numpy.array([text.set for text in self.tests])
        self.sources = numpy.array([text.source for text in self.tests])
        self.languages = numpy.array([text.language for text in self.tests])
        self.of_head = {head: self.scan.scores(*SCORE.get(head, CATEGORY[head])) for head in CATEGORY}
        self.found_head = {head: self.scan.found(*CATEGORY[head]) for head in CATEGORY}
        self.found_head["spam"] = self._flagged("spam.received", self.is_set("sms", "mail"))

    def _flagged(self, category, mask):
        """Which of these texts the shipped rule finds for a category that the shipped guidelines do nothing about."""
        found = numpy.zeros(len(self.tests), dtype=bool)
        with tempfile.TemporaryDirectory() as folder:
            guidelines, settings = pathlib.Path(folder, "guidelines.yaml"), pathlib.Path(folder, "steward.yaml")
            before, after = GUIDELINES.read_text().split(f"categories: [{category}]\n")
            guidelines.write_text(f"{before}categories: [{category}]\n{after.replace('prompt: allow', 'prompt: flag', 1)}")
            settings.write_text(f"guidelines: {{file: {json.dumps(str(guidelines))}}}\n")
            texts = [text.text for text, asked in zip(self.tests, mask) if asked]
            found[mask] = Scan(self.steward, texts, extra=("--config", str(settings))).found(category)
        return found

    def label(self, head):
        """1, 0, or -1 where it is not known."""
        return numpy.array([text.labels.get(head, -1) for text in self.tests])

    def is_set(self, *names):
        return numpy.isin(self.sets, names)

    def row(self, name, head, mask, labels=None, scores=None, found=None):
        """All measures of one set and category."""
        labels = (self.label(head) if labels is None else labels)[mask]
        scores = (self.of_head[head] if scores is None else scores)[mask]
        found = (self.found_head[head] if found is None else found)[mask]
        known = labels >= 0
        labels, scores, found = labels[known], scores[known], found[known]
        positives, negatives = scores[labels == 1], scores[labels == 0]
        both = len(positives) and len(negatives)
        return {
            "set": name, "category": CATEGORY[head][0] if head in CATEGORY else head, "n": int(len(labels)),
            "positives": int((labels == 1).sum()),
            "auprc": measures.auprc(labels, scores) if both else None,
            "auprc_interval": measures.interval(measures.auprc, labels, scores) if both else None,
            "f1": measures.f1(labels, found) if both else None,
            "recall_at_1": measures.recall_at(positives, negatives, 0.01) if both else None,
            "recall_at_5": measures.recall_at(positives, negatives, 0.05) if both else None,
            "found": float(found.mean()) if len(found) else None,
            "recall": float(found[labels == 1].mean()) if len(positives) else None,
        }  # fmt: skip

    def rows(self):
        yield from self.attack_rows()
        moderation = self.is_set("moderation")
        is_any = numpy.where(self.sources == "any", 1, 0)
        harm = self.scan.scores(*HARM)
        yield self.row("moderation", "any harm", moderation, is_any, harm, self.scan.found(*HARM))
        for head in ("hate", "sexual", "violence", "self_harm", "offence"):
            yield self.row("moderation", head, moderation)
        yield self.row("gab", "hate", self.is_set("gab"))
        yield self.row("hatecheck", "hate", self.is_set("hatecheck"))
        yield self.row("stormfront", "hate", self.is_set("stormfront"))
        yield self.row("chats", "offence", self.is_set("chats"))
        for name in ("sms", "mail"):
            yield self.row(name, "spam", self.is_set(name))
        for language in sorted(set(self.sources[self.is_set("hatecheck_languages")])):
            mask = self.is_set("hatecheck_languages") & (self.sources == language)
            yield self.row(f"hatecheck {language}", "hate", mask)

    def attack_rows(self):
        attack = self.label("attack")
        training = [t.text for t in self.texts if t.split == "train" and t.set == "attacks" and t.labels.get("attack")]
        own = self.is_set("attacks") & (attack == 1)
        near = numpy.zeros(len(self.tests), dtype=bool)
        for mask in (own, self.is_set("chats") & (attack == 1)):
            near[mask] = measures.near_duplicates([t.text for t, m in zip(self.tests, mask) if m], training)
        instructions = numpy.flatnonzero(self.is_set("benign_instructions"))[:1864]
        harmless = self.is_set("attacks", "false_refusals") & (attack == 0)
        harmless[instructions] = True
        labels = numpy.where(own, 1, 0)
        yield self.row("attacks", "attack", own | harmless, labels)
        yield self.row("attacks, no near duplicates", "attack", (own & ~near) | harmless, labels)
        yield self.row("chats", "attack", self.is_set("chats"))
        yield self.row("chats, no near duplicates", "attack", self.is_set("chats") & ~near)

    # --- What harmless texts are found, and blocked.

    def refusals(self):
        attack = self.label("attack")
        groups = {
            "NotInject": self.is_set("attacks") & (self.sources == "notinject"),
            "XSTest safe": self.is_set("xstest") & (self.label("illicit") == 0),
            "FRR": self.is_set("false_refusals"),
            "FRR English": self.is_set("false_refusals") & (self.sources == "en"),
            "benign instructions": self.is_set("benign_instructions"),
            "WildGuard benign": self.is_set("attacks") & (self.sources == "wildguard_benign"),
            "chats neither toxic nor attacks": self.is_set("chats") & (attack == 0) & (self.label("offence") == 0),
            "SMS ham": self.is_set("sms") & (self.label("spam") == 0),
            "movie reviews": self.is_set("reviews"),
        }
        flagged = self.scan.found(*HARM, *ATTACK, "illicit")
        blocked = self.scan.blocked()
        return {
            name: {"n": int(mask.sum()), "blocked": float(blocked[mask].mean()), "found": float(flagged[mask].mean())}
            for name, mask in groups.items()
        }

    # --- Hate: both sides of functional tests.

    def hatecheck(self):
        """What is flagged as shipped, and what the best threshold for this set could do."""
        mask = self.is_set("hatecheck")
        hate, score, functions = self.label("hate")[mask], self.of_head["hate"][mask], self.sources[mask]

        def sides(found):
            right = found == (hate == 1)
            return {
                "hateful": float(right[hate == 1].mean()),
                "non_hateful": float(right[hate == 0].mean()),
                "functions": {name: measures.rate(right[functions == name]) for name in sorted(set(functions))},
            }

        best = max(
            (sides(score > threshold) for threshold in numpy.quantile(score, numpy.linspace(0.2, 0.8, 61))),
            key=lambda side: min(side["hateful"], side["non_hateful"]),
        )
        return {"shipped": sides(self.found_head["hate"][mask]), "best": best}

    # --- Requests for harm, by clause of the set.

    def harmful_requests(self):
        mask = self.is_set("harmful_requests")
        score = self.of_head["illicit"]
        threshold = numpy.quantile(score[self.is_set("benign_instructions")], 0.99)
        above = score > threshold
        by_source = {
            name: {"n": int(m.sum()), "recall": float(above[m].mean())}
            for name in sorted(set(self.sources[mask])) if (m := mask & (self.sources == name)).sum() >= 10
        }  # fmt: skip
        return {"recall_at_1": float(above[mask].mean()), "blocked": float(self.scan.blocked()[mask].mean()),
                "n": int(mask.sum()), "by_source": by_source}  # fmt: skip

    # --- Spam: at the threshold of the shipped rule, by the rule and by scores alone, which leave no script out.

    def spam(self):
        result = {}
        is_found, scores = self.found_head["spam"], self.of_head["spam"]
        threshold = scores[is_found].min()
        for name in ("sms", "mail"):
            mask = self.is_set(name)
            found, labels = scores[mask] >= threshold, self.label("spam")[mask]
            result[name] = {"n": int(mask.sum()), "f1": measures.f1(labels, found),
                            "f1_interval": measures.interval(measures.f1, labels, found),
                            "f1_of_rule": measures.f1(labels, is_found[mask]),
                            "left_out": int((found & ~is_found[mask]).sum())}  # fmt: skip
        return result

    # --- Obfuscated copies: how much of what is found at 1 % false positives is still found.

    def obfuscation(self):
        source = random.Random(9)
        groups = {
            "attacks": ("attack", self.is_set("attacks") & (self.label("attack") == 1)),
            "gab": ("hate", self.is_set("gab") & (self.label("hate") == 1)),
            "sms": ("spam", self.is_set("sms") & (self.label("spam") == 1)),
            "moderation": (None, self.is_set("moderation") & (self.sources == "any")),
            "harmful requests": ("illicit", self.is_set("harmful_requests")),
        }
        harmless = {
            "sms": self.is_set("sms") & (self.label("spam") == 0),
        }
        instructions = self.is_set("benign_instructions")
        result = collections.defaultdict(dict)
        for name, (head, mask) in groups.items():
            rows = list(numpy.flatnonzero(mask))
            source.shuffle(rows)
            texts = [self.tests[row].text[:1500] for row in rows[:200]]

            def scored(scan):
                return scan.scores(*HARM) if head is None else scan.scores(*SCORE.get(head, CATEGORY[head]))

            negatives = scored(self.scan)[harmless.get(name, instructions)]
            threshold = numpy.quantile(negatives, 0.99)
            plain = scored(Scan(self.steward, texts)) > threshold
            for kind in obfuscate.KINDS:
                copied = scored(Scan(self.steward, obfuscate.copies(texts, kind))) > threshold
                result[kind][name] = {"n": int(plain.sum()), "kept": float(copied[plain].mean())}
        return dict(result)


def measure(quality, say):
    result = {}
    say("  sets and categories …")
    result["rows"] = list(quality.rows())
    for name in ("refusals", "hatecheck", "harmful_requests", "spam", "obfuscation"):
        say(f"  {name.replace('_', ' ')} …")
        result[name] = getattr(quality, name)()
    return result
