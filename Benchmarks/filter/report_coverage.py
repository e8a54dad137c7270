"""Tables of which categories were measured in which languages."""
import coverage as measured
from markdown import interval, number, table

# Scripts in which no score counts.
UNCOVERED = ("ar", "bn", "hi", "ja", "ko", "ru", "th", "zh")
ABOUT = """### Category by language: what was measured

In each cell AUPRC, and below it positives / texts, whose share is what guessing reaches; for what only patterns look for, F1
and how many places there are to be found. – is *not measured*: nobody knows.

Judged by something, and in no language measured by itself: {never}. What stands below a category (`illicit.malware` below
`illicit`), and `jailbreak` and `injection` with `prompt_attack`, counts in its F1.
"""
SCRIPTS = """
Where a stretch of a text is mostly in another script than Latin, no rule asks for a score. So patterns alone find anything in
it, and these are English but for what looks the same everywhere, such as card numbers: of what ought to be found in {languages},
at most {most} of any row is, by scores of stretches that are mostly in Latin. The AUPRC there is of scores that `steward filter scan` prints and that nothing enforces. A record says `score/coverage` with the
verdict *not evaluated* of such a text, and a [judge](../guides/second-opinions.md) is asked unless told not to.
"""
CELLS = """
Each cell by itself. Languages with fewer than {least} texts to be found have no row, and where there is nothing harmless in the
language there is no curve, and a "–" above. *Found* is the share of positives that the shipped rules find.
"""


def coverage(result):
    rows = result["rows"]
    languages = measured.languages(rows)
    cells = {}
    for row in rows:
        cells.setdefault((row["category"], row["language"]), row)
    categories = [category for category in result["judged"] if any((category, name) in cells for name in languages)]
    matrix = [(category, *(_cell(cells.get((category, name))) for name in languages)) for category in categories]
    never = [category for category in measured.never(result) if category not in ("jailbreak", "injection")]
    text = ABOUT.format(never=", ".join(f"`{category}`" for category in never))
    text += "\n" + table(("category", *languages), matrix) + "\n"
    present = [name for name in UNCOVERED if name in languages]
    most = number(measured.uncovered(rows, present))
    text += SCRIPTS.format(languages=", ".join(present), most=most) + CELLS.format(least=measured.POSITIVES_MIN)
    head = ("category", "language", "set", "n", "positive", "AUPRC", "95 % interval", "recall at 1 %", "F1 shipped", "found")
    return text + "\n" + table(head, [_row(row) for row in rows]) + "\n\n" + _harmless(result["harmless"])


def _cell(row):
    if row is None:
        return "–"
    value = row["auprc"] if row["auprc"] is not None else row["f1"]
    count = f"{row['positives']}/{row['n']}" if row["n"] else row["positives"]
    return f"{number(value)}<br>{count}" if value is not None else "–"


def _row(row):
    return (
        row["category"], row["language"], row["set"], row["n"] or "–", row["positives"], number(row["auprc"]),
        interval(row["auprc_interval"]), number(row["recall_at_1"]), number(row["f1"]), number(row["recall"]),
    )  # fmt: skip


def _harmless(rows):
    head = ("language", "n", "blocked", "flagged or blocked")
    return "Requests that look like attacks on computers and are harmless (false refusals), by language:\n\n" + table(head, [
        (name, row["blocked"]["n"], *(
            f"{number(row[kind]['rate'])} ({interval(row[kind]['interval'])})" for kind in ("blocked", "found")
        ))
        for name, row in rows.items()
    ])  # fmt: skip
