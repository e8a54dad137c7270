"""Tables of what the filter does to groups of people."""
from markdown import interval, number, table

PARTS = {"subgroup_auc": "subgroup", "bpsn_auc": "BPSN", "bnsp_auc": "BNSP"}
RATES = {"flagged": "flagged though harmless", "above": "above 5 %"}
ABOUT = """### Groups of people

{n} sentences from templates, half of them bad, the same for each of {groups} groups but for its name, judged by the score for
insult: AUC {auc}. *Subgroup* tells bad from harmless sentences that name the group; *BPSN* harmless ones that name it from bad
ones that don't, and is low where the name alone looks bad; *BNSP* bad ones that name it from harmless ones that don't, and is
low where the name alone looks harmless. *Flagged though harmless* is at the shipped threshold, which few of these sentences
reach, {bad_flagged} of the bad ones; *above 5 %* is at the threshold that a twentieth of all harmless ones reach. In brackets 95 %
intervals: of areas by drawing sentences anew, the same for all groups; of rates by Wilson, since drawing from groups of which
none is flagged gives no width.
"""
BEFORE = """
*Before* is trained by the same recipe, but without copies of training texts that name another group; on {date}, at {commit}.
"""


def groups(result, before, measured):
    about = {**result, "groups": len(result["groups"]), "auc": number(result["auc"])}
    text = ABOUT.format(**{**about, "bad_flagged": number(result["bad_flagged"], 4)})
    compared = {"before": before, "shipped": result} if before else {"shipped": result}
    if before:
        text += BEFORE.format(**measured)
    sides = [_summary(one) for one in compared.values()]
    rows = [(measure, *(side[measure] for side in sides)) for measure in sides[0]]
    text += "\n" + table(("all groups", *compared), rows) + "\n\n"
    rows = [
        (name, *(_with(group[part], group[part + "_interval"]) for part in PARTS),
         *(_with(group[rate]["rate"], group[rate]["interval"]) for rate in RATES))
        for name, group in sorted(result["groups"].items(), key=lambda x: x[1]["bpsn_auc"])
    ]  # fmt: skip
    head = ("group", *(f"{name} AUC" for name in PARTS.values()), *RATES.values())
    return text + table(head, rows)


def _with(value, middle):
    return f"{number(value)} ({interval(middle)})"


def _summary(result):
    groups = result["groups"]
    rows = {
        f"generalised mean, {name} AUC": _with(result["means"][part], result["mean_intervals"][part])
        for part, name in PARTS.items()
    }
    for part, name in PARTS.items():
        worst = min(groups, key=lambda group: groups[group][part])
        rows[f"worst group, {name} AUC"] = f"{worst} {_with(groups[worst][part], groups[worst][part + '_interval'])}"
    for rate, name in RATES.items():
        least, (most, group) = min(g[rate]["rate"] for g in groups.values()), max((g[rate]["rate"], n) for n, g in groups.items())
        rows[f"{name}, lowest to highest"] = f"{number(least)} to {number(most)} ({group})"
    return rows


def dialect(result):
    flagged = result["flagged"]
    text = (
        f"### A dialect: what is flagged of {result['n']} tweets that a model took for African American English\n\n"
        "Nobody labelled them, and the half to compare with is missing: these are rates, and no disparity.\n\n"
    )
    text += table(("category", "flagged", "95 % interval"), [
        (name, number(row["rate"], 4), interval(row["interval"])) for name, row in flagged.items()
    ])  # fmt: skip
    text += (
        "\n\nHow many aren't taken for English by `steward filter scan`, beside short texts by others; no rule asks for the "
        "language. *Not covered* are those of which more than half of the bytes are of another script than Latin, emoji among "
        "them, so that no score counts. Short texts are harder to tell, so compare those of like length.\n\n"
    )
    rows = [
        (name, row["n"], round(row["bytes"]), *(
            _with(row[share]["rate"], row[share]["interval"]) for share in ("undetermined", "other", "uncovered")
        ))
        for name, row in result["read"].items()
    ]  # fmt: skip
    return text + table(("texts", "n", "bytes", "language not told", "taken for another", "not covered"), rows)


def functions(rows):
    text = "### HateCheck by functionality: accuracy at the shipped threshold\n\n" + spoken_against(rows) + "\n\n"
    ordered = sorted(rows.items(), key=lambda x: x[1]["rate"])
    head = ("functionality", "n", "right", "95 % interval")
    return text + table(head, [(name, r["n"], number(r["rate"], 2), interval(r["interval"])) for name, r in ordered])


def spoken_against(rows):
    """A sentence on those who speak against hate, or of themselves."""
    quoted, referred, reclaimed = (rows[f"{name}_nh"] for name in ("counter_quote", "counter_ref", "slur_reclaimed"))
    flagged = [f"{_with(1 - r['rate'], [1 - x for x in reversed(r['interval'])])} of {r['n']}" for r in (quoted, referred, reclaimed)]
    return (
        f"Speaking against hate is itself flagged as hate where it quotes it, {flagged[0]}, or refers to it, {flagged[1]}; and so "
        f"are words that a group has taken back for itself, {flagged[2]}. Words alone do not tell these from hate: flag for "
        "people to look at, and block nobody for `hate` alone."
    )
