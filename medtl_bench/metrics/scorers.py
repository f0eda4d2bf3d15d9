"""Scorers that judge a fitted classifier for a target without any label of it.

Arrays throughout. They presume what they cannot see: those by weights that inputs shift
and labels given inputs do not, those of diversity that classes are balanced. None is to
be trusted under a shift of prevalence. scikit-learn is imported when used, because it
takes longer than the rest of the core.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import entr, log_softmax, logsumexp, softmax

from medtl_bench.arrays import Floats, Ints

TEMPERATURE = 0.05  # of SND, as its authors have it
POWER = 4  # of MaNo, likewise
MIXED = 0.55  # how much of a row is in its mixture with another, as MixVal has it
FOLDS = 5  # of the classifier of domains, which judges rows that it was not trained on
LARGEST = 20.0  # logarithm of a weight, for one row must not be all
CLUSTERINGS = 3  # of which k-means keeps the best


@dataclass(frozen=True)
class Seen:
    """What a scorer may see of a fitted learner: of the target, unlabelled rows alone.

    target [n, classes], source [m, classes]: class scores of those rows and of the
    sources' validation rows, of which y [m] are the labels. of_target [n, width],
    of_source [m, width]: features of both. mixed [n, classes]: class scores of each
    target row mixed with that at `partner` [n], or None where inputs cannot be mixed.
    """

    target: Floats
    source: Floats
    y: Ints
    of_target: Floats
    of_source: Floats
    mixed: Floats | None
    partner: Ints

    @cached_property
    def probability(self) -> Floats:
        """Class probabilities [n, classes] of the target's rows."""
        return np.asarray(softmax(self.target, axis=1))

    @cached_property
    def loss(self) -> Floats:
        """Cross-entropy of the sources' rows [m]."""
        logarithm = log_softmax(self.source, axis=1)
        return np.asarray(-logarithm[np.arange(len(self.y)), self.y])

    @cached_property
    def weight(self) -> Floats:
        """Density ratio of the sources' rows [m]."""
        return density_ratio(self.of_source, self.of_target)


class Scorer(NamedTuple):
    """A scorer: its name, who proposed it, its direction, and its function of what is seen.

    The function gives NaN where the scorer is not defined.
    """

    name: str
    reference: str
    higher_is_better: bool
    score: Callable[[Seen], float]


def density_ratio(source: Floats, target: Floats) -> Floats:
    """Return w = (N_s / N_t) p(target | f) / p(source | f) of source rows [m].

    By a logistic regression on standardised features [m, width] and [n, width], which
    judges rows of folds that it was not trained on (Bickel et al. 2007; You et al. 2019,
    ICML, section 3.3). NaN of fewer rows than folds.
    """
    if min(len(source), len(target)) < FOLDS:
        return np.full(len(source), np.nan)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415

    x = np.concatenate([source, target])
    of_target = np.repeat([0, 1], [len(source), len(target)])
    spread = x.std(0)
    x = (x - x.mean(0)) / np.where(spread > 0, spread, 1.0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    judge = LogisticRegression(max_iter=200)
    decided = cross_val_predict(judge, x, of_target, cv=folds, method="decision_function")
    decided = decided[: len(source)]
    odds = np.exp(np.clip(decided, -LARGEST, LARGEST))
    return np.asarray(odds * len(source) / len(target))


def weighted_loss(loss: Floats, weight: Floats) -> float:
    """Return sum w l / sum w of rows [m]: importance-weighted validation.

    Sugiyama et al. 2007, JMLR 8.
    """
    return float((weight * loss).sum() / weight.sum())


def controlled(loss: Floats, weight: Floats) -> float:
    """Return mean(w l) + eta mean(w) - eta of rows [m], eta = -Cov(w l, w) / Var(w).

    Deep embedded validation (You et al. 2019, ICML, equation 7): w as a control
    variate, whose mean is 1. Weights that do not vary tell nothing, and eta is 0.
    """
    weighted = weight * loss
    covariance = ((weighted - weighted.mean()) * weight).mean()
    variance = weight.var()
    eta = -covariance / variance if variance > 0 else 0.0
    return float(weighted.mean() + eta * weight.mean() - eta)


def normalised(weight: Floats) -> Floats:
    """Return w / max w, shifted to mean 1 (Musgrave et al. 2022, arXiv 2208.07360)."""
    scaled = weight / weight.max()
    return np.asarray(scaled - scaled.mean() + 1)


def mean_entropy(probability: Floats) -> float:
    """Return -mean sum p log p of p [n, classes] (Morerio et al. 2018, ICLR)."""
    return float(entr(probability).sum(1).mean())


def information(probability: Floats) -> float:
    """Return the entropy of mean p less the mean entropy of p [n, classes].

    Musgrave et al. 2022, arXiv 2208.07360; the mutual information of Bridle et al. 1991.
    """
    return float(entr(probability.mean(0)).sum() - mean_entropy(probability))


def neighbourhood_density(probability: Floats) -> float:
    """Return the mean entropy of rows of softmax(cos(p_i, p_j) / 0.05), without i itself.

    Soft neighbourhood density of probabilities [n, classes] (Saito et al. 2021, ICCV);
    NaN of fewer than two rows.
    """
    if len(probability) < 2:
        return float("nan")
    unit = probability / np.linalg.norm(probability, axis=1, keepdims=True)
    alike = unit @ unit.T / TEMPERATURE
    np.fill_diagonal(alike, -np.inf)
    share = np.exp(alike - logsumexp(alike, axis=1, keepdims=True))
    return float(entr(share).sum(1).mean())


def matrix_norm(probability: Floats) -> float:
    """Return mean(P^4)^(1/4) over entries of P [n, classes] (Xie et al. 2024, NeurIPS)."""
    return float((probability**POWER).mean() ** (1 / POWER))


def nuclear_norm(probability: Floats) -> float:
    """Return the sum of singular values of P [n, classes] over n (Cui et al. 2020, CVPR)."""
    return float(np.linalg.norm(probability, ord="nuc") / len(probability))


def cluster_agreement(probability: Floats, features: Floats) -> float:
    """Return adjusted mutual information of answers and k-means of features [n, width].

    As many clusters as classes (Musgrave et al. 2022, ClassAMI); NaN of fewer rows.
    """
    n, classes = probability.shape
    if n < classes:
        return float("nan")
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import adjusted_mutual_info_score  # noqa: PLC0415

    # of equal rows there are fewer clusters than asked for, of which k-means would warn
    clusters = min(classes, len(np.unique(features, axis=0)))
    found = KMeans(clusters, n_init=CLUSTERINGS, random_state=0).fit_predict(features)
    return float(adjusted_mutual_info_score(probability.argmax(1), found))


def mixed_agreement(answer: Ints, mixed: Ints, partner: Ints) -> float:
    """Return how often a row, mixed 0.55 to 0.45 with another, is answered as the row.

    answer, mixed [n]: of rows and mixtures; partner [n]: numbers of rows. The mean of
    pairs of one answer and of pairs of two, where there are both (MixVal, Hu et al.
    2023, NeurIPS, who add up ranks of both).
    """
    alike = answer == answer[partner]
    kinds = [(mixed == answer)[kind].mean() for kind in (alike, ~alike) if kind.any()]
    return float(np.mean(kinds))


def _mixval(seen: Seen) -> float:
    if seen.mixed is None:
        return float("nan")
    return mixed_agreement(seen.target.argmax(1), seen.mixed.argmax(1), seen.partner)


SCORERS = (
    Scorer("source loss", "without weights", False, lambda s: float(s.loss.mean())),
    Scorer("IWV", "Sugiyama 2007", False, lambda s: weighted_loss(s.loss, s.weight)),
    Scorer("DEV", "You 2019", False, lambda s: controlled(s.loss, s.weight)),
    Scorer(*("DEVN", "Musgrave 2022", False), lambda s: controlled(s.loss, normalised(s.weight))),
    Scorer("entropy", "Morerio 2018", False, lambda s: mean_entropy(s.probability)),
    Scorer("information", "Musgrave 2022", True, lambda s: information(s.probability)),
    Scorer("SND", "Saito 2021", True, lambda s: neighbourhood_density(s.probability)),
    Scorer("MaNo", "Xie 2024", True, lambda s: matrix_norm(s.probability)),
    Scorer("BNM", "Cui 2020", True, lambda s: nuclear_norm(s.probability)),
    Scorer(
        *("ClassAMI", "Musgrave 2022", True),
        lambda s: cluster_agreement(s.probability, s.of_target),
    ),
    Scorer("MixVal", "Hu 2023", True, _mixval),
)


def scores(seen: Seen) -> dict[str, float]:
    """Return what each scorer says by its name, NaN where it is not defined."""
    return {scorer.name: scorer.score(seen) for scorer in SCORERS}
