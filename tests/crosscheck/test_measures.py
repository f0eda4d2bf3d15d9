"""The measures against Avalanche, scikit-learn, scipy and torchmetrics (0.9.3, which pytorch-adapt asks for)."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from numpy.typing import NDArray
from scipy.stats import somersd
from sklearn.calibration import calibration_curve
from torch import nn

from medtl_bench.metrics import formulas, ranking, registry
from medtl_bench.metrics.classes import balanced_accuracy, brier, expected_calibration_error

pytest.importorskip("avalanche")
from avalanche.benchmarks import tensors_benchmark
from avalanche.evaluation.metrics import BWT, Forgetting, ForwardTransfer, accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.templates import SupervisedTemplate

tm = pytest.importorskip("torchmetrics.functional")
Floats, Ints = NDArray[np.floating], NDArray[np.integer]
Case = tuple[Floats, NDArray[Any]]
Peer = Callable[..., float]
STREAMS, CASES, MATRICES = "Measures of streams", "Metrics", 200
DOUBLE, SINGLE = 1e-12, 1e-5  # torchmetrics casts to float32 on the way
SKLEARN, TORCHMETRICS, AVALANCHE = "scikit-learn", "torchmetrics", "avalanche-lib"


def matrices() -> Iterator[tuple[Floats, Floats]]:
    """Yield R[i, j] and b_j of streams of 2 to 8 domains."""
    for seed in range(MATRICES):
        draw = np.random.default_rng(seed)
        t = int(draw.integers(2, 9))
        yield draw.random((t, t)), draw.random(t)


def retained(kind: type[Forgetting], r: Floats) -> float:
    """Return the mean of Avalanche's forgetting or backward transfer over domains, updated as its plugins update it."""
    metric = kind()
    for i, row in enumerate(r):
        metric.reset_last()
        for j, score in enumerate(row):
            metric.update(j, score, initial=i == j)
    return float(np.mean(list(metric.result().values())))


def forward(r: Floats, b: Floats) -> float:
    """Return the mean of Avalanche's forward transfer, updated as its plugins update it."""
    metric = ForwardTransfer()
    for j, score in enumerate(b):
        metric.update(j, score, initial=True)
    for i, row in enumerate(r[:-1]):
        metric.update(i + 1, row[i + 1])
    return float(np.mean(list(metric.result().values())))


def test_backward_and_forward_transfer_equal_avalanche(page) -> None:
    ours = [
        (float(formulas.backward_transfer(r)), float(formulas.forward_transfer(r, b)))
        for r, b in matrices()
    ]
    theirs = [(retained(BWT, r), forward(r, b)) for r, b in matrices()]
    gaps = np.abs(np.subtract(ours, theirs))
    for name, gap in zip(("backward transfer", "forward transfer"), gaps.max(0), strict=True):
        page.within(
            STREAMS,
            f"{name}, {MATRICES} random matrices",
            AVALANCHE,
            float(gap),
            DOUBLE,
            "absolute",
        )
    page.finding(
        STREAMS,
        "Forward transfer needs the scores b_j of an untrained learner. Avalanche measures them on the network with its "
        "random weights, this bench takes a learner that answers the same for every row, since not every method has "
        "weights; the comparison is on the same b_j.",
    )


def test_forgetting_equals_avalanche_where_a_domain_is_best_when_just_learned(page) -> None:
    ours, theirs, best_when_learned = [], [], []
    for r, _ in matrices():
        ours.append(float(formulas.forgetting(r)))
        theirs.append(retained(Forgetting, r))
        highest = r.copy()
        np.fill_diagonal(highest, 1 + r.max())
        best_when_learned.append(
            abs(float(formulas.forgetting(highest)) - retained(Forgetting, highest))
        )
        assert theirs[-1] == pytest.approx(-float(formulas.backward_transfer(r)))
    what = f"forgetting, {MATRICES} random matrices with their highest scores on the diagonal"
    page.within(STREAMS, what, AVALANCHE, max(best_when_learned), DOUBLE, "absolute")
    gaps = np.subtract(ours, theirs)
    assert gaps.min() >= -DOUBLE
    assert gaps.mean() > 0.1
    page.finding(
        STREAMS,
        "Forgetting differs. Ours compares the last score of a domain with the best it ever had (Chaudhry et al. 2018), "
        "also one from before the domain was learned; Avalanche's with the score just after it was learned, which makes it "
        f"the negative of backward transfer. Ours is never smaller: on the random matrices by {gaps.mean():.2f} in the "
        "mean, and the two are equal where every domain is at its best when it was just learned.",
    )


def test_avalanche_weighs_domains_by_their_rows(page) -> None:
    draw = torch.Generator().manual_seed(0)
    shifts = {10: torch.zeros(2), 190: torch.tensor([2.0, 0.0])}
    tests = [
        (torch.randn(n, 2, generator=draw) + shift, torch.zeros(n, dtype=torch.int64))
        for n, shift in shifts.items()
    ]
    scenario = tensors_benchmark(tests, tests, task_labels=[0, 0])
    evaluator = EvaluationPlugin(accuracy_metrics(experience=True, stream=True), loggers=[])
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    strategy = SupervisedTemplate(
        model=model, optimizer=optimiser, evaluator=evaluator, eval_mb_size=200
    )
    found = strategy.eval(scenario.test_stream)
    scores = np.array(
        [[found[f"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp{j:03d}"] for j in range(2)]]
    )
    stream = found["Top1_Acc_Stream/eval_phase/test_stream/Task000"]
    gap = abs(stream - (scores @ [10, 190]).item() / 200)
    page.within(STREAMS, "average accuracy, weighted by rows", AVALANCHE, gap, 1e-9, "absolute")
    mean = formulas.average_accuracy(scores).item()
    assert stream > mean + 0.05
    page.finding(
        STREAMS,
        "Average accuracy is the mean over domains here, whatever their size; Avalanche's accuracy of a stream counts "
        f"every row once: {stream:.2f} against {mean:.2f} for test sets of 190 and 10 rows.",
    )


def test_few_shot_area_equals_the_trapezoids_of_scikit_learn(page) -> None:
    gaps = []
    for seed in range(50):
        draw = np.random.default_rng(seed)
        shots = sorted(
            draw.choice(np.arange(1, 60), int(draw.integers(1, 7)), replace=False).tolist()
        )
        score, x = draw.random(1 + len(shots)), np.log2(1 + np.array([0, *shots]))
        gaps.append(abs(float(formulas.few_shot_area(score, shots)) - sk.auc(x, score) / x[-1]))
    page.within(CASES, "few-shot area", SKLEARN, max(gaps), DOUBLE, "absolute")


def cases(classes: int) -> Iterator[Case]:
    """Yield probabilities [n, classes] and labels [n]: balanced or not, with and without ties, with absent classes too."""
    for seed in range(100):
        draw = np.random.default_rng(seed)
        n = int(draw.integers(4, 200))
        y = draw.choice(
            classes, n, p=draw.dirichlet(np.full(classes, draw.choice([0.3, 1.0, 10.0])))
        )
        scores = draw.normal(size=(n, classes)) + draw.choice([0.0, 1.0, 3.0]) * np.eye(classes)[y]
        scores = scores.round() if seed % 2 else scores
        exponential = np.exp(scores - scores.max(1, keepdims=True))
        yield exponential / exponential.sum(1, keepdims=True), y


def images() -> Iterator[Case]:
    """Yield probabilities [n, 3, height, width] and masks [n, height, width], some without one of the classes."""
    for seed in range(60):
        draw = np.random.default_rng(seed)
        shape = draw.integers(1, 6), draw.integers(2, 9), draw.integers(2, 9)
        yield (
            np.moveaxis(draw.dirichlet(np.ones(3), shape), -1, 1),
            draw.integers(0, draw.integers(2, 4), shape),
        )


def values() -> Iterator[Case]:
    """Yield predicted and true values, with ties in half of the cases."""
    for seed in range(60):
        draw = np.random.default_rng(seed)
        y = draw.normal(size=draw.integers(5, 100))
        value = y + draw.choice([0.1, 1.0, 5.0]) * draw.normal(size=y.shape)
        yield (value.round(), y.round()) if seed % 2 else (value, y)


def balanced_over_present(p: Floats, y: Ints) -> float:
    recalls = tm.recall(
        torch.tensor(p.argmax(1)), torch.tensor(y), average="none", num_classes=p.shape[1]
    )
    return float(recalls[torch.tensor(y).unique()].mean())


def from_reliability_curve(p: Floats, y: Ints) -> float:
    """Return the calibration error from scikit-learn's reliability curve, its bins weighted by their rows."""
    confidence = p.max(1)
    share, mean = calibration_curve(p.argmax(1) == y, confidence, n_bins=15, pos_label=True)
    rows = np.bincount(np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence))
    return float(np.abs(share - mean) @ rows[rows > 0] / len(y))


def squares(p: Floats, y: Ints) -> float:
    """Return torchmetrics' mean squared error to the one-hot labels, which is a mean over classes too, as their sum."""
    return p.shape[1] * float(
        tm.mean_squared_error(torch.tensor(p), torch.eye(p.shape[1])[y].double())
    )


def f1_of_foreground(p: Floats, y: Ints) -> float:
    foreground, of_pixels = np.arange(1, p.shape[1]), (y.ravel(), p.argmax(1).ravel())
    return sk.f1_score(*of_pixels, labels=foreground, average="macro", zero_division=1)


def one_vs_rest(p: Floats, y: Ints) -> float:
    """Return scikit-learn's macro ROC-AUC over the classes present, each against the rest."""
    return np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in np.unique(y)])


def mean_dice(p: Floats, y: Ints) -> float:
    """Return the mean of torchmetrics' Dice of each class of the foreground, 1 for one in no image."""
    options = {"average": "none", "mdmc_average": "global", "num_classes": 3}
    by_class = tm.dice(torch.tensor(p.argmax(1)), torch.tensor(y), **options)
    return float(by_class[1:].nan_to_num(1.0).mean())


GIVEN: dict[str, Callable[[], Iterator[Case]]] = {
    "2 classes": lambda: cases(2),
    "4 classes": lambda: cases(4),
    "2 and 4 classes": lambda: chain(cases(2), cases(4)),
    "masks": images,
    "values": values,
}
COUNTERPARTS: dict[tuple[str, str], dict[str, Peer]] = {
    ("roc_auc", "2 classes"): {
        SKLEARN: lambda p, y: sk.roc_auc_score(y, p[:, 1]),
        TORCHMETRICS: lambda p, y: tm.auroc(torch.tensor(p[:, 1]), torch.tensor(y), pos_label=1),
    },
    ("roc_auc", "4 classes"): {SKLEARN: one_vs_rest},
    ("average_precision", "2 classes"): {
        SKLEARN: lambda p, y: sk.average_precision_score(y, p[:, 1]),
        TORCHMETRICS: lambda p, y: tm.average_precision(
            torch.tensor(p[:, 1]), torch.tensor(y), pos_label=1
        ),
    },
    ("pr_auc_gain", "2 classes"): {
        SKLEARN: lambda p, y: sk.average_precision_score(y, p[:, 1]) - y.mean()
    },
    ("balanced_accuracy", "2 and 4 classes"): {
        SKLEARN: lambda p, y: sk.balanced_accuracy_score(y, p.argmax(1)),
        TORCHMETRICS: balanced_over_present,
    },
    ("accuracy", "2 and 4 classes"): {
        SKLEARN: lambda p, y: sk.accuracy_score(y, p.argmax(1)),
        TORCHMETRICS: lambda p, y: tm.accuracy(torch.tensor(p.argmax(1)), torch.tensor(y)),
    },
    ("ece", "2 and 4 classes"): {
        SKLEARN: from_reliability_curve,
        TORCHMETRICS: lambda p, y: tm.calibration_error(
            torch.tensor(p), torch.tensor(y), n_bins=15, norm="l1"
        ),
    },
    ("brier", "2 and 4 classes"): {
        SKLEARN: lambda p, y: sk.brier_score_loss(
            y, p, labels=np.arange(p.shape[1]), scale_by_half=False
        ),
        TORCHMETRICS: squares,
    },
    ("dice", "masks"): {SKLEARN: f1_of_foreground, TORCHMETRICS: mean_dice},
    ("concordance", "values"): {"scipy": lambda value, y: (1 + somersd(y, value).statistic) / 2},
    ("rmse", "values"): {
        SKLEARN: lambda value, y: sk.root_mean_squared_error(y, value),
        TORCHMETRICS: lambda value, y: tm.mean_squared_error(
            torch.tensor(value), torch.tensor(y), squared=False
        ),
    },
}
PAIRS = [(*key, peer) for key, peers in COUNTERPARTS.items() for peer in peers]


@pytest.mark.parametrize(("name", "given", "peer"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
@pytest.mark.filterwarnings("ignore::UserWarning")  # of labels that are absent, which is the point
def test_metric_equals(page, name: str, given: str, peer: str) -> None:
    ours, theirs = registry.METRICS[name].score, COUNTERPARTS[name, given][peer]
    compared = [(ours(answer, y), answer, y) for answer, y in GIVEN[given]()]
    defined = [(value, answer, y) for value, answer, y in compared if np.isfinite(value)]
    assert len(defined) >= 50
    gap = max(abs(value - float(theirs(answer, y))) for value, answer, y in defined)
    page.within(
        CASES,
        f"{name}, {len(defined)} random cases of {given}",
        peer,
        gap,
        SINGLE if peer == TORCHMETRICS else DOUBLE,
        "absolute",
    )


def test_balanced_accuracy_leaves_out_classes_without_rows(page) -> None:
    answer, y = np.eye(3)[[0, 0, 1, 2]], np.array([0, 0, 1, 1])
    ours = balanced_accuracy(answer, y)
    theirs = float(
        tm.recall(torch.tensor(answer.argmax(1)), torch.tensor(y), average="macro", num_classes=3)
    )
    assert (ours, theirs) == (0.75, 0.5)
    page.finding(
        CASES,
        "Balanced accuracy is the mean recall of the classes that have rows, here and in scikit-learn. torchmetrics' macro "
        "recall counts a class without rows as 0 as soon as it was answered once (0.50 for 0.75 on labels 0 0 1 1 and "
        "answers 0 0 1 2); the comparison takes its recalls one by one.",
    )


def test_calibration_error_is_of_the_top_class(page) -> None:
    (answer, y), *_ = cases(2)
    ours = expected_calibration_error(answer, y)
    positive = float(tm.calibration_error(torch.tensor(answer[:, 1]), torch.tensor(y), n_bins=15))
    assert abs(ours - positive) > 0.01
    page.finding(
        CASES,
        "The calibration error is of the most probable class, in 15 bins, with two classes as with more. torchmetrics does "
        "the same with probabilities [n, 2], but given the positive class's alone it bins those, over 0 to 1 and not 0.5 to 1: "
        f"{positive:.3f} for {ours:.3f} on one of the random cases. scikit-learn has no calibration error: it is taken from "
        "its reliability curve.",
    )


def test_brier_score_is_not_halved(page) -> None:
    (answer, y), *_ = cases(2)
    assert brier(answer, y) == pytest.approx(2 * sk.brier_score_loss(y, answer[:, 1]))
    page.finding(
        CASES,
        "The Brier score is Brier's own, a sum over classes between 0 and 2. For two classes scikit-learn gives half of it "
        "unless told `scale_by_half=False`. torchmetrics 0.9.3 has none: the comparison is with its mean squared error to the "
        "one-hot labels times the number of classes.",
    )


def test_average_precision_is_not_the_area_by_trapezoids(page) -> None:
    gaps = []
    for answer, y in cases(2):
        if y.any():
            precision, recall, _ = sk.precision_recall_curve(y, answer[:, 1])
            gaps.append(sk.auc(recall, precision) - ranking.average_precision(answer, y))
    assert max(gaps) > 0.01
    page.finding(
        CASES,
        "PR-AUC is average precision, a sum of steps, here and in both libraries. The area under the same curve by "
        "trapezoids, which is also in use, is another number: on the random cases up to "
        f"{max(gaps):.2f} higher and {-min(gaps):.2f} lower.",
    )
