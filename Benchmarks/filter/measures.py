"""Measures of how well scores tell two kinds of texts apart, with bootstrap intervals."""
import collections
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
    return float(numpy.mean(numpy.array(values) ** power) ** (1 / power))


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
