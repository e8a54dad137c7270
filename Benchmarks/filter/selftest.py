"""Whether the measures give what was published or worked out by hand."""
import numpy

import fairness
import measures
import sets

LABELS, SCORES = numpy.array([0, 0, 1, 1]), numpy.array([0.1, 0.4, 0.35, 0.8])
TEMPLATES = ["A gay man.", "A young man.", "A gay fool.", "A young fool.", "A man."]


def _near(value, expected, error=5e-4):
    return bool(numpy.allclose(value, expected, atol=error))


def _ranking(weights, scores=SCORES):
    return measures.Ranking(LABELS, scores, numpy.arange(4)).auc(numpy.array(weights))


def _groups():
    """Of two groups one has its harmless sentence above its bad one."""
    templates = fairness.Templates(TEMPLATES, numpy.array([0, 0, 1, 1, 0]))
    scores = numpy.array([0.9, 0.1, 0.8, 0.7, 0.2])
    return templates, templates.measure(scores, scores > 0.85, rounds=20)


def cases():
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
    for count, of, expected in ((81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611)), (1, 29, (0.0061, 0.1718))):
        yield f"Wilson of {count} in {of}", _near(measures.wilson(count, of), expected, 6e-5)
    yield "Wilson of nothing", measures.wilson(0, 0) is None
    # The example in scikit-learn's documentation of roc_auc_score.
    yield "area", _near(_ranking([1, 1, 1, 1]), 0.75)
    yield "area where a row is drawn twice: 5 of 6 pairs", _near(_ranking([2, 1, 1, 1]), 5 / 6)
    yield "area where a row is not drawn", _near(_ranking([1, 0, 1, 1]), 1)
    yield "area of ties", _near(_ranking([1, 1, 1, 1], numpy.array([0.5, 0.5, 0.5, 0.8])), 0.75)
    yield "area without positives", numpy.isnan(_ranking([1, 1, 0, 0]))
    source = numpy.random.default_rng(3)
    labels, scores = source.integers(0, 2, 500), source.integers(0, 30, 500)
    ranking = measures.Ranking(labels, scores, numpy.arange(500))
    yield "area as scikit-learn tells it", _near(ranking.auc(numpy.ones(500, dtype=int)), measures.auc(labels, scores), 1e-12)
    # The mean of power -5 of 1/2 and 1: ((32 + 1) / 2) ^ (-1/5).
    yield "generalised mean", _near(measures.power_mean([0.5, 1.0]), 16.5**-0.2, 1e-12)
    yield "draws as many as there are units", all(weights.sum() == 7 for weights in measures.draws(7, rounds=5))
    templates, result = _groups()
    yield "sentences but for the name", list(templates.units) == [0, 0, 1, 1, 2]
    gay, young = result["groups"]["gay"], result["groups"]["young"]
    yield "subgroup areas", (gay["subgroup_auc"], young["subgroup_auc"]) == (0, 1)
    # Bad ones of others (.7) against the group's harmless (.9); the group's bad (.8) against others' harmless (.1, .2).
    yield "BPSN and BNSP areas", (gay["bpsn_auc"], gay["bnsp_auc"], young["bpsn_auc"], young["bnsp_auc"]) == (0, 1, 1, 0.5)
    yield "harmless sentences flagged", (gay["flagged"]["rate"], young["flagged"]["rate"]) == (1, 0)
    yield "longer names first", fairness.Templates(["an african american man"], numpy.array([0])).terms[0] == "african american"
    covered = [fairness.is_covered(text) for text in ("Crème brûlée", "Привет", "हिन्दी", "ok 你")]
    yield "scripts", covered == [True, False, False, True]
    yield "languages", [sets.language(name) for name in ("Filipino/Tagalog", "mandarin", "hi-Latn")] == ["tl", "zh", "hi-Latn"]


def run():
    results = list(cases())
    for name, passes in results:
        if not passes:
            print(f"failed: {name}")
    failed = sum(not passes for _, passes in results)
    print(f"bench-filter: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
