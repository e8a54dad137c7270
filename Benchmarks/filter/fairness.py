"""What the filter does to groups of people: sentence templates that name them, and a dialect."""
import pathlib
import subprocess
import tempfile
import unicodedata

import numpy
import yaml

import measures
import sets as labelled
from scan import Scan

RECIPE = pathlib.Path(__file__).parents[2] / "Classifier/recipe.yaml"
PARTS = ("subgroup_auc", "bpsn_auc", "bnsp_auc")
# All that the set names, longer names first: African American people are no Africans.
TERMS = (
    "african american", "middle aged", "middle eastern",
    *"""african american asian bisexual black blind buddhist canadian catholic chinese christian deaf elderly european female
    gay heterosexual hispanic homosexual indian japanese jewish latina latino latinx lesbian lgbt lgbtq male mexican millenial
    muslim nonbinary old older paralyzed protestant queer sikh straight taoist teenage trans transgender white young
    younger""".split(),
)  # fmt: skip


class Templates:
    """Sentences that are the same for each group but for its name.

    What is drawn anew in a round are these sentences with a gap for the name, so that in each round all groups have the same.
    """

    def __init__(self, texts, labels):
        self.labels = labels
        self.terms, units, numbers = [], [], {}
        for text in texts:
            padded = f" {text.lower()} "
            term = next((term for term in TERMS if f" {term} " in padded), None)
            self.terms.append(term)
            units.append(numbers.setdefault(padded.replace(f" {term} ", " _ ", 1), len(numbers)))
        self.terms, self.units, self.count = numpy.array(self.terms, dtype=object), numpy.array(units), len(numbers)

    def measure(self, scores, found, rounds=200):
        """Borkan et al., "Nuanced metrics for measuring unintended bias", 2019; rates at the shipped threshold, and at the
        one above which a twentieth of all harmless sentences score."""
        bad = self.labels == 1
        above = scores > numpy.quantile(scores[~bad], 0.95)
        groups = {}
        for term in sorted({term for term in self.terms if term}):
            named = self.terms == term
            parts = (named, (named & ~bad) | (~named & bad), (named & bad) | (~named & ~bad))
            rankings = {
                part: measures.Ranking(self.labels[rows], scores[rows], self.units[rows]) for part, rows in zip(PARTS, parts)
            }
            groups[term] = {
                "n": int(named.sum()), "flagged": measures.rate(found[named & ~bad]),
                "above": measures.rate(above[named & ~bad]), "rankings": rankings,
            }  # fmt: skip
        result = self._resampled(groups, rounds)
        return {
            "n": len(scores), "auc": measures.auc(self.labels, scores), "bad_flagged": float(found[bad].mean()), **result,
            "groups": groups,
        }  # fmt: skip

    def _resampled(self, groups, rounds):
        """Puts areas with their intervals in the groups' places for rankings, and returns those of the means."""
        rankings = {term: group.pop("rankings") for term, group in groups.items()}

        def areas(weights):
            return numpy.array([[ranking[part].auc(weights) for part in PARTS] for ranking in rankings.values()])

        plain = areas(numpy.ones(self.count, dtype=int))
        drawn = numpy.array([areas(weights) for weights in measures.draws(self.count, rounds)])
        for row, group in enumerate(groups.values()):
            for column, part in enumerate(PARTS):
                group[part] = float(plain[row, column])
                group[part + "_interval"] = _middle(drawn[:, row, column])
        means, intervals = {}, {}
        for column, part in enumerate(PARTS):
            means[part] = measures.power_mean(plain[:, column])
            intervals[part] = _middle([measures.power_mean(areas[:, column]) for areas in drawn])
        return {"means": means, "mean_intervals": intervals}


def _middle(values):
    return [float(x) for x in numpy.percentile(values, [2.5, 97.5])]


def _templates(quality):
    mask = quality.is_set("sentence_templates")
    return mask, Templates([t.text for t, m in zip(quality.tests, mask) if m], quality.label("offence")[mask])


def groups(quality):
    mask, templates = _templates(quality)
    return templates.measure(quality.of_head["offence"][mask], quality.found_head["offence"][mask])


def groups_before(quality, data):
    """The same of a classifier that learned from no copies of texts with other groups' names."""
    mask, templates = _templates(quality)
    texts = [t.text for t, m in zip(quality.tests, mask) if m]
    with tempfile.TemporaryDirectory() as folder:
        settings = _train_without_copies(quality.steward, data, pathlib.Path(folder))
        scan = Scan(quality.steward, texts, extra=("--config", settings))
    return templates.measure(scan.scores("toxicity"), scan.found("toxicity"))


def _train_without_copies(steward, data, folder):
    """Trains by the shipped recipe without counterfactuals, and returns settings that name what came out."""
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe["sets"].pop(recipe["counterfactuals"]["name"], None)
    recipe["counterfactuals"]["of"] = []
    (folder / "grammars").symlink_to(RECIPE.parent / "grammars")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))
    made, settings = folder / "before.classifier", folder / "settings.yaml"
    with subprocess.Popen(["python3", labelled.__file__, data], stdout=subprocess.PIPE) as texts:
        command = [steward, "filter", "train", "--recipe", folder / "recipe.yaml", "--output", made]
        subprocess.run(command, stdin=texts.stdout, stdout=subprocess.DEVNULL, check=True)
    settings.write_text(yaml.safe_dump({"filter": {"classifier": str(made)}}))
    return settings


# --- A dialect without labels and without a comparison half.

FLAGS = ("hate", "toxicity", "violence", "sexual", "self_harm", "illicit", "prompt_attack")


def is_covered(text):
    """Whether at least half of the bytes are of a script that the classifier knows, as `ClassifierScan` counts them but for
    its look-alikes."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).encode()
    return sum(byte >= 0x80 for byte in folded) * 2 <= len(folded)


def dialect(quality):
    """What is flagged, and of how many the language is not taken for English; short English texts of others beside it."""
    mask = quality.is_set("dialect")
    languages = numpy.array([answer["language"] for answer in quality.scan.answers])
    sizes = numpy.array([len(text.text.encode()) for text in quality.tests])
    others = {"Gab": quality.is_set("gab"), "SMS ham": quality.is_set("sms") & (quality.label("spam") == 0)}
    alike = (sizes >= 30) & (sizes <= 80)
    beside = {"tweets": mask}
    beside.update({f"{name} of 30 to 80 bytes": rows & alike for name, rows in {"tweets": mask, **others}.items()})
    read = {}
    for name, rows in beside.items():
        said = languages[rows]
        texts = [text.text for text, is_one in zip(quality.tests, rows) if is_one]
        read[name] = {
            "n": int(rows.sum()),
            "bytes": float(sizes[rows].mean()),
            "undetermined": measures.rate(said == "und"),
            "other": measures.rate((said != "und") & (said != "en")),
            "uncovered": measures.rate(~numpy.array([is_covered(text) for text in texts])),
        }
    flagged = {name: measures.rate(quality.scan.found(name)[mask]) for name in FLAGS}
    return {"n": int(mask.sum()), "flagged": flagged, "read": read}
