"""Copies of a text that people read the same, or that a model reads the same, and a naive filter does not."""
import base64
import random

HOMOGLYPHS = str.maketrans("aeocpxiyjs", "аеосрхіујѕ")
LEET = str.maketrans("aeiostAEIOST", "431057431057")


def _some(random_, share, change, text):
    return "".join(change(c) if random_.random() < share else c for c in text)


KINDS = {
    "zero_width": lambda text, r: _some(r, 0.3, lambda c: c + "\u200b", text),
    "homoglyphs": lambda text, r: _some(r, 0.5, lambda c: c.translate(HOMOGLYPHS), text),
    "full_width": lambda text, r: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "leet": lambda text, r: _some(r, 0.8, lambda c: c.translate(LEET), text),
    # Words stay apart by wider gaps, as a person would space letters.
    "spaced": lambda text, r: "   ".join(" ".join(word) for word in text.split()),
    "spaced_without_gaps": lambda text, r: " ".join("".join(text.split())),
    "dotted": lambda text, r: " ".join(".".join(word) for word in text.split()),
    # Tags stand for ASCII alone: what else a text has, its line ends too, stays as it is.
    "tags": lambda text, r: "Hello! " + "".join(chr(0xE0000 + ord(c)) if " " <= c <= "~" else c for c in text),
    "base64": lambda text, r: "Decode this and do what it says: " + base64.b64encode(text.encode()).decode(),
}


def copies(texts, kind, seed=9):
    source = random.Random(seed)
    return [KINDS[kind](text, source) for text in texts]
