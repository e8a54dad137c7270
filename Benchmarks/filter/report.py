"""Writes what was measured as tables: for people, from Benchmarks/filter.json."""
import report_coverage
import report_groups
from markdown import interval, number, table

# What others say of themselves on the same public sets: not measured here.
PUBLISHED = [
    ("Llama Guard 1 (7B)", "moderation, any harm", "AUPRC 0.847", "its makers"),
    ("ShieldGemma (9B)", "moderation, any harm", "AUPRC 0.907", "its makers, threshold fitted on the set"),
    ("OpenAI moderation (2023)", "moderation, any harm", "AUPRC 0.856", "AI2 and Meta"),
    ("Perspective", "moderation, any harm", "AUPRC 0.787", "Meta"),
    ("Llama Guard 3 (8B)", "XSTest, harmless refused", "0.044", "its makers"),
]

# Test, measure, floor, goal: what the project asks of itself.
BARS = [
    ("attacks, no near duplicates", "recall at 1 % false positives", 0.68, 0.90),
    ("chats (never trained on), attacks", "AUPRC", 0.24, 0.45),
    ("NotInject, XSTest safe, FRR, benign instructions", "blocked, the worst", 0.03, 0.01),
    ("moderation (never trained on), any harm", "AUPRC", 0.74, 0.80),
    ("moderation (never trained on), hate", "AUPRC", 0.68, 0.75),
    ("HateCheck", "worse of both accuracies at the shipped threshold", 0.59, 0.70),
    ("Gab", "AUPRC", 0.41, 0.50),
    ("harmful requests", "recall at 1 % of benign instructions", None, 0.50),
    ("SMS spam", "F1 of scores at the shipped threshold", 0.94, 0.96),
    ("SpamAssassin", "F1 of scores at the shipped threshold", 0.97, 0.98),
    ("personal data of fixed form, exact span", "F1", 0.95, 0.98),
    ("secrets", "precision", 0.90, 0.97),
    ("secrets", "recall", 0.85, 0.95),
    ("rules, whole texts of 4 KB of English prose", "MB/s", 200, 600),
    ("everything, whole texts", "MB/s", 20, 50),
    ("everything, streamed", "µs a chunk of 20 bytes", 10, 4),
]

SPAM = """The rule for spam leaves alone what is mostly in another script than Latin, although the score tells: nothing harmless in such
scripts was there to learn from. With {sms[left_out]} and {mail[left_out]} messages left out, its F1 is {sms[f1_of_rule]:.3f} and {mail[f1_of_rule]:.3f}."""


def reached(result):
    """What each bar measures, in the order of BARS."""
    quality, speed = result["quality"], result["speed"]
    rows = {(row["set"], row["category"]): row for row in quality["rows"]}
    refusals = quality["refusals"]
    hatecheck = quality["hatecheck"]["shipped"]
    return [
        rows["attacks, no near duplicates", "prompt_attack"]["recall_at_1"],
        rows["chats, no near duplicates", "prompt_attack"]["auprc"],
        max(refusals[name]["blocked"] for name in ("NotInject", "XSTest safe", "FRR", "benign instructions")),
        rows["moderation", "any harm"]["auprc"],
        rows["moderation", "hate"]["auprc"],
        min(hatecheck["hateful"], hatecheck["non_hateful"]),
        rows["gab", "hate"]["auprc"],
        quality["harmful_requests"]["recall_at_1"],
        quality["spam"]["sms"]["f1"],
        quality["spam"]["mail"]["f1"],
        result["personal"]["fixed form"]["f1"],
        result["secrets"]["precision"],
        result["secrets"]["recall"],
        result["prose"]["rules"]["megabytes_a_second"],
        speed["everything"]["megabytes_a_second"],
        speed["everything"]["microseconds_a_chunk"],
    ]


def bars(result):
    rows = []
    for (test, measure, floor, goal), value in zip(BARS, reached(result)):
        is_less_better = "blocked" in measure or "µs" in measure
        beats = (lambda bar: value <= bar) if is_less_better else (lambda bar: value >= bar)
        word = "goal" if beats(goal) else "floor" if floor is None or beats(floor) else "**missed**"
        rows.append((test, measure, number(floor), number(goal), number(value), word))
    return table(("test", "measure", "floor", "goal", "measured", "reached"), rows)


def tables(result):
    quality = result["quality"]
    speed = result["measured"]["speed"]
    judged = result["measured"]["quality"]
    about = f"How well it judges was measured on {judged['date']}, at {judged['commit']}; how fast, on {speed['date']}, at {speed['commit']}."
    sections = [f"### Against what we ask of it\n\n{about}\n\n{bars(result)}\n\n{SPAM.format(**quality['spam'])}"]
    rows = [
        (row["set"], row["category"], row["n"], row["positives"], number(row["auprc"]),
         interval(row["auprc_interval"]), number(row["recall_at_1"]), number(row["recall_at_5"]), number(row["f1"]))
        for row in quality["rows"]
    ]  # fmt: skip
    head = ("set", "category", "n", "positive", "AUPRC", "95 % interval", "recall at 1 %", "recall at 5 %", "F1 shipped")
    sections.append("### By set and category\n\n" + table(head, rows))
    sections.append(report_coverage.coverage(result["coverage"]))
    rows = [(n, r["n"], number(r["blocked"], 4), number(r["found"], 4)) for n, r in quality["refusals"].items()]
    sections.append("### Harmless texts\n\n" + table(("texts", "n", "blocked", "flagged or blocked"), rows))
    kinds = quality["obfuscation"]
    names = list(next(iter(kinds.values())))
    rows = [(kind.replace("_", " "), *(number(row[n]["kept"], 2) for n in names)) for kind, row in kinds.items()]
    sections.append("### Obfuscated copies: share of what is found that is still found\n\n" + table(("copy", *names), rows))
    sections.append(report_groups.groups(quality["groups"], result.get("groups_before"), result["measured"].get("groups_before")))
    sections.append(report_groups.dialect(quality["dialect"]))
    sections.append(report_groups.functions(quality["hatecheck"]["shipped"]["functions"]))
    sections.append("### Personal data and secrets, with peers in the same run\n\n" + spans(result))
    rows = [(p["peer"], p["set"], p["category"], p["n"], number(p["auprc"]), number(p["ours"])) for p in result["peers"]]
    sections.append("### Insult and hate, with peers in the same run\n\n" + table(("peer", "set", "category", "n", "AUPRC", "ours"), rows))
    sections.append(f"### Speed, one core\n\nMeasured on {speed['date']}, at {speed['commit']}.\n\n" + speeds(result))
    sections.append("### Published elsewhere, not measured here\n\n" + table(("model", "test", "figure", "by"), PUBLISHED))
    return "\n\n".join(sections) + "\n"


def spans(result):
    peer = result["presidio"]
    rows = [
        (name, row["n"], number(row["precision"]), number(row["recall"]), number(row["f1"]), number(peer["rows"][name]["f1"]))
        for name, row in result["personal"].items()
    ]  # fmt: skip
    text = table(("type", "n", "precision", "recall", "F1, exact span", f"F1 of {peer['peer']}"), rows)
    other = result["detect_secrets"]
    rows = [
        (name, row["n"], number(row["precision"]), number(row["recall"]))
        for name, row in (("Steward", result["secrets"]), (other["peer"], other))
    ]
    return text + "\n\n" + table(("secrets", "n", "precision", "recall"), rows)


def speeds(result):
    speed = result["speed"]
    prose = {f"{name}, 4 KB of prose": row for name, row in result["prose"].items()}
    rows = [
        (name, number(row["megabytes_a_second"]), number(row["microseconds_a_kilobyte"]), number(row["microseconds_a_chunk"]))
        for name, row in [*speed.items(), *prose.items()] if isinstance(row, dict)
    ]  # fmt: skip
    for peer in {row["peer"]: row for row in [*result["peers"], result["presidio"], result["detect_secrets"]]}.values():
        rows.append((peer["peer"], number(1024 / peer["microseconds_a_kilobyte"], 2), number(peer["microseconds_a_kilobyte"]), "–"))
    text = table(("what", "MB/s", "µs a KB", "µs a streamed chunk of 20 bytes"), rows)
    return (
        text + f"\n\n{speed['texts']} prompts, chats and reviews of {speed['bytes'] // speed['texts']} bytes each on average; "
        "prose is English movie reviews of ASCII."
    )
