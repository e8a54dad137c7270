"""Measures of how well scores tell two kinds of texts apart, with bootstrap intervals."""
import collections
import math
import re

import numpy
from sklearn import metrics


def interval(measure, *arrays, rounds=200, seed=1):
    """The 2.5th and 97.5th percentiles of a measure over resampled rows."""
    source = numpy.random.default_rng(seed)
    count = len(arrays[0])
    values = []
    for _ in range(rounds):
        rows = source.integers(0, count, count)
        value = measure(*(array[rows] for array in arrays))
        if not numpy.isnan(value):
            values.append(value)
    return [float(x) for x in numpy.percentile(values, [2.5, 97.5])] if values else None


def auprc(labels, scores):
    return float(metrics.average_precision_score(labels, scores)) if labels.any() else float("nan")


def auc(labels, scores):
    return float(metrics.roc_auc_score(labels, scores)) if 0 < labels.sum() < len(labels) else float("nan")


def f1(labels, found):
    return float(metrics.f1_score(labels, found, zero_division=0))


def recall_at(positives, negatives, rate):
    """The share of positives above what at most so many negatives score."""
    return float((positives > numpy.quantile(negatives, 1 - rate)).mean())


def power_mean(values, power=-5):
    """Generalised mean (Borkan et al., "Nuanced metrics for measuring unintended bias", 2019)."""
    with numpy.errstate(divide="ignore"):
        return float(numpy.mean(numpy.array(values) ** power) ** (1 / power))


def wilson(count, of):
    """The 95 % interval of a rate (Wilson 1927): unlike resampling, it has a width where none or all were found."""
    if not of:
        return None
    z, share = 1.959964, count / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return [max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))]


def rate(found):
    """A share of rows, with its interval."""
    return {"n": len(found), "rate": float(found.mean()) if len(found) else None, "interval": wilson(found.sum(), len(found))}


class Ranking:
    """Rows sorted once, whose AUC is then quick to tell for any weights of the units that they belong to."""

    def __init__(self, labels, scores, units):
        order = numpy.argsort(scores, kind="stable")
        self.units = units[order]
        self.is_positive = labels[order] == 1
        self.ties = numpy.flatnonzero(numpy.diff(scores[order], prepend=-numpy.inf))

    def auc(self, weights):
        """The share of pairs in the right order, a tie half of one; each row counts as often as its unit was drawn."""
        rows = weights[self.units].astype(float)
        positive = numpy.add.reduceat(rows * self.is_positive, self.ties)
        negative = numpy.add.reduceat(rows * ~self.is_positive, self.ties)
        pairs = positive.sum() * negative.sum()
        return float((positive * (negative.cumsum() - negative / 2)).sum() / pairs) if pairs else float("nan")


def draws(units, rounds=200, seed=1):
    """How often each unit is drawn, round by round."""
    source = numpy.random.default_rng(seed)
    for _ in range(rounds):
        yield numpy.bincount(source.integers(0, units, units), minlength=units)


def _shingles(text, size=5):
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))} if words else set()


def near_duplicates(tests, training, jaccard=0.4, containment=0.7):
    """For each test text, whether a training text shares most of its runs of five words."""
    places = collections.defaultdict(list)
    sizes = []
    for number, text in enumerate(training):
        shingles = _shingles(text)
        sizes.append(len(shingles))
        for shingle in shingles:
            places[shingle].append(number)
    near = []
    for text in tests:
        shingles = _shingles(text)
        shared = collections.Counter(n for shingle in shingles for n in places.get(shingle, ()))
        near.append(any(
            count / (len(shingles) + sizes[n] - count) >= jaccard
            or count / max(1, min(len(shingles), sizes[n])) >= containment
            for n, count in shared.items()
        ))  # fmt: skip
    return numpy.array(near, dtype=bool)
