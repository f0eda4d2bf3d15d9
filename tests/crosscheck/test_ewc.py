"""EWC against Avalanche: the same weights, rows and batches must give the same Fisher diagonal, penalty and accuracy matrix."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from medtl_ewc.ewc import EWC
from torch import Tensor, nn

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics import formulas
from medtl_bench.metrics.classes import accuracy
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Options
from medtl_bench.training.loop import optimise

pytest.importorskip("avalanche")
from avalanche.benchmarks import tensors_benchmark
from avalanche.evaluation import metrics as peer
from avalanche.training.plugins import EvaluationPlugin, EWCPlugin, SupervisedPlugin
from avalanche.training.templates import SupervisedTemplate

AREA, PEER = "EWC", "avalanche-lib"
THREE = Task("classification", ("a", "b", "c"))
MODES = {"separate": False, "online": True}
INPUTS, ROWS, BATCH, EPOCHS, DOMAINS = 6, 80, 16, 8, 4
# the last two are exact in float32, in which Avalanche sums its penalty
RATE, DECAY, LAMBDA = 1e-2, 0.75, 16.0

Recorded = list[tuple[Tensor, Tensor]]


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def domains(rows: int = ROWS) -> list[Split]:
    """Return Gaussian classes whose means lie elsewhere in each domain, so that learning one tempts to forget the last."""
    means = 1.5 * torch.randn(DOMAINS, 3, INPUTS, generator=generator("crosscheck ewc means"))
    draw = generator("crosscheck ewc rows", rows)
    labels = [torch.randint(3, (rows,), generator=draw) for _ in means]
    return [
        Split(mean[y] + torch.randn(rows, INPUTS, generator=draw), y)
        for mean, y in zip(means, labels, strict=True)
    ]


def network() -> nn.ModuleDict:
    """Return the same small network each time, as features and a head."""
    torch.manual_seed(0)
    return nn.ModuleDict(
        {"features": nn.Sequential(nn.Linear(INPUTS, 16), nn.Tanh()), "head": nn.Linear(16, 3)}
    )


class Plain(nn.Module):
    """The same modules under the same names, called as an ordinary model."""

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.features, self.head = parts["features"], parts["head"]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def ours(mode: str, weight: float = 2 * LAMBDA) -> EWC:
    """Return our learner with that network; our weight / 2 is Avalanche's lambda."""
    method = EWC(
        THREE,
        generator("crosscheck ewc fisher"),
        weight=weight,
        online=MODES[mode],
        decay=DECAY,
        fisher_rows=ROWS,
    )
    method.net = Network(network())
    return method


def theirs(mode: str, kind: type[EWCPlugin] = EWCPlugin) -> EWCPlugin:
    return kind(LAMBDA, mode, DECAY if mode == "online" else None)


def importances(plugin: EWCPlugin, model: nn.Module, split: Split, batch_size: int) -> Parameters:
    """Return Avalanche's importances of a model on a split."""
    (dataset,) = (
        e.dataset
        for e in tensors_benchmark(
            [(split.x, split.y)], [(split.x, split.y)], task_labels=[0]
        ).train_stream
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    found = plugin.compute_importances(
        model, nn.CrossEntropyLoss(), optimiser, dataset, "cpu", batch_size
    )
    return {name: value.data for name, value in found.items()}


def difference(ours: Parameters, theirs: Parameters) -> float:
    """Return the largest difference relative to the largest value."""
    assert ours.keys() == theirs.keys()
    largest = max(float(value.abs().max()) for value in theirs.values())
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours) / largest


def trained(mode: str = "separate") -> tuple[EWC, Split]:
    """Return a learner that has trained on one domain, without a spring yet, and the domain."""
    method, split = ours(mode), domains()[0]
    optimise(
        method.net,
        method.objective,
        iter([Batch(split.x[None], split.y[None], None, 0.0)] * 60),
        Options(RATE),
    )
    return method, split


def test_fisher_equals_a_loop_over_single_rows(page) -> None:
    method, split = trained()
    model = Plain(method.net.module)
    expected = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for x, y in zip(split.x, split.y, strict=True):
        for name, single in gradient(-model(x).log_softmax(0)[y], model).items():
            expected[name] += single**2 / len(split)
    page.within(
        AREA,
        "Fisher diagonal, float64",
        "a loop over single rows",
        difference(method.fisher(split), expected),
        1e-12,
    )


def test_fisher_equals_avalanche_on_batches_of_one_and_differs_on_larger_ones(page) -> None:
    method, split = trained()
    fisher, model = method.fisher(split), Plain(method.net.module)
    single = importances(theirs("separate"), model, split, 1)
    page.within(
        AREA,
        "Fisher diagonal, mini-batches of one row, float64",
        PEER,
        difference(fisher, single),
        1e-10,
    )
    factors = {
        size: factor(fisher, importances(theirs("separate"), model, split, size))
        for size in (1, 4, 16)
    }
    assert factors[1] == pytest.approx(1)
    assert factors[4] > 2
    assert factors[16] > 2 * factors[4]
    told = " and ".join(f"{factors[size]:.1f} times at {size} rows" for size in (4, 16))
    page.finding(
        AREA,
        "The Fisher diagonals agree only if Avalanche is given mini-batches of one row. It squares the gradient of a "
        "mini-batch's mean loss, in which the gradients of single rows cancel, where the formula takes the mean of their "
        "squares (van de Ven 2025, arXiv:2502.11756, compares such choices; Avalanche's issue 1224 says that this one is "
        f"meant): after training, ours is in sum {told}. The size is that of training, and a last, smaller batch counts "
        "as much as a whole one. An Avalanche lambda is therefore not comparable between batch sizes. Ours takes at most "
        "`fisher_rows` rows of a domain, 512 unless told otherwise, Avalanche all.",
    )


def factor(fisher: Parameters, peers: Parameters) -> float:
    return float(
        sum(value.sum() for value in fisher.values()) / sum(value.sum() for value in peers.values())
    )


@pytest.mark.parametrize("mode", MODES)
def test_penalty_and_its_gradient_equal_avalanche(page, mode: str) -> None:
    method, plugin = ours(mode), theirs(mode)
    model = Plain(method.net.module)
    draw = generator("crosscheck ewc penalty")
    values, gradients = [], []
    for number, split in enumerate(domains()):
        for parameter in model.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=draw)
        found, expected = (
            method.weight / 2 * method.penalty(method.net),
            avalanche_penalty(plugin, model, number),
        )
        if number:
            values.append(abs(found.item() / expected.item() - 1))
            gradients.append(difference(gradient(found, model), gradient(expected, model)))
        else:
            assert found.item() == expected.item() == 0
        method.consolidate([split])
        remember(plugin, model, split, number)
    what = f"penalty after 1 to {DOMAINS - 1} domains, {mode}"
    page.within(AREA, f"{what}: value", PEER, max(values), 1e-6)
    page.within(AREA, f"{what}: gradient, float64", PEER, max(gradients), 1e-10)
    page.finding(
        AREA,
        "Avalanche's penalty is lambda times the sum, ours weight / 2 times (Kirkpatrick et al. 2017, eq. 3): our weight is "
        "twice its lambda. Online, both keep the last weights as the one anchor and decay the old Fisher diagonal before "
        "adding the new one. Avalanche sums the value of the penalty in float32 whatever the model's type, so values agree "
        "to that; gradients agree in full.",
    )


def gradient(loss: Tensor, model: nn.Module) -> Parameters:
    names, values = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, values), strict=True))


def avalanche_penalty(plugin: EWCPlugin, model: nn.Module, number: int) -> Tensor:
    """Return what the plugin adds to the loss in the domain of that number."""
    strategy = SimpleNamespace(
        clock=SimpleNamespace(train_exp_counter=number),
        model=model,
        device="cpu",
        loss=torch.zeros(1),
    )
    plugin.before_backward(strategy)
    return strategy.loss[0]


def remember(plugin: EWCPlugin, model: nn.Module, split: Split, number: int) -> None:
    """Let the plugin do what it does after a domain, on single rows."""
    (experience,) = tensors_benchmark(
        [(split.x, split.y)], [(split.x, split.y)], task_labels=[0]
    ).train_stream
    strategy = SimpleNamespace(
        clock=SimpleNamespace(train_exp_counter=number),
        model=model,
        device="cpu",
        _criterion=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        experience=experience,
        train_mb_size=1,
    )
    plugin.after_training_exp(strategy)


class PerRow(EWCPlugin):
    """Avalanche's plugin with importances from mini-batches of one row, whatever the size of those it trains on."""

    def compute_importances(
        self, model, criterion, optimizer, dataset, device, batch_size, num_workers=0
    ):
        return super().compute_importances(
            model, criterion, optimizer, dataset, device, 1, num_workers
        )


class Recorder(SupervisedPlugin):
    """Keeps the mini-batches of each domain."""

    def __init__(self) -> None:
        super().__init__()
        self.domains: list[Recorded] = []

    def before_training_exp(self, strategy, **kwargs) -> None:
        self.domains.append([])

    def before_training_iteration(self, strategy, **kwargs) -> None:
        self.domains[-1].append((strategy.mb_x, strategy.mb_y))


def avalanche_stream(
    plugin: EWCPlugin, *, fresh_optimiser: bool = True
) -> tuple[np.ndarray, nn.Module, list[Recorded], dict]:
    """Return R[i, j], the model, the mini-batches and the measures of Avalanche's own loop over the stream."""
    torch.manual_seed(1)  # of its shuffling
    train, test = ([(split.x, split.y) for split in domains(rows)] for rows in (ROWS, 400))
    scenario = tensors_benchmark(train, test, task_labels=[0] * DOMAINS)
    model, recorder = Plain(network()), Recorder()
    measured = [
        peer.accuracy_metrics(experience=True),
        peer.forgetting_metrics(stream=True),
        peer.bwt_metrics(stream=True),
    ]
    strategy = SupervisedTemplate(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=RATE, fused=True),
        train_mb_size=BATCH,
        train_epochs=EPOCHS,
        eval_mb_size=400,
        plugins=[plugin, recorder],
        evaluator=EvaluationPlugin(*measured, loggers=[]),
    )
    matrix, last = [], {}
    for experience in scenario.train_stream:
        strategy.train(experience, reset_optimizer_state=fresh_optimiser)
        last = strategy.eval(scenario.test_stream)
        matrix.append(
            [
                last[f"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp{j:03d}"]
                for j in range(DOMAINS)
            ]
        )
    return np.array(matrix), model, recorder.domains, last


def our_stream(method: EWC, recorded: list[Recorded]) -> np.ndarray:
    """Return R[i, j] of our learner over the stream, fed the recorded mini-batches."""
    matrix = []
    for split, batches in zip(domains(), recorded, strict=True):
        fed = (
            Batch(x[None], y[None], None, number / len(batches))
            for number, (x, y) in enumerate(batches)
        )
        optimise(method.net, method.objective, fed, Options(RATE))
        method.consolidate([split])
        answers = (
            (method.predict(test.x).softmax(1).numpy(), test.y.numpy()) for test in domains(400)
        )
        matrix.append([accuracy(probability, y) for probability, y in answers])
    return np.array(matrix)


@pytest.mark.parametrize("mode", MODES)
def test_a_stream_trained_on_the_same_batches_ends_at_the_same_accuracies(page, mode: str) -> None:
    matrix, model, recorded, measured = avalanche_stream(theirs(mode, PerRow))
    assert all(len(batches) == EPOCHS * ROWS // BATCH for batches in recorded)
    method = ours(mode)
    found = our_stream(method, recorded)
    # the penalty is at work
    assert forgetting(our_stream(ours(mode, weight=0.0), recorded)) > forgetting(found) + 0.1
    what = f"stream of {DOMAINS} domains, {mode}"
    page.within(
        AREA,
        f"{what}: accuracies R[i, j]",
        PEER,
        float(np.abs(found - matrix).max()),
        1e-9,
        "absolute",
    )
    weights = {name: value.detach() for name, value in method.net.parameters.items()}
    page.within(
        AREA,
        f"{what}: final weights, float64",
        PEER,
        difference(weights, dict(model.named_parameters())),
        1e-10,
    )
    gap = abs(
        float(formulas.backward_transfer(found)) - measured["StreamBWT/eval_phase/test_stream"]
    )
    page.within(AREA, f"{what}: backward transfer", PEER, gap, 1e-9, "absolute")


def test_avalanches_own_settings_forget_more_at_the_same_lambda(page) -> None:
    per_row = forgetting(avalanche_stream(theirs("separate", PerRow))[0])
    mini_batch = forgetting(avalanche_stream(theirs("separate"))[0])
    kept_moments = forgetting(
        avalanche_stream(theirs("separate", PerRow), fresh_optimiser=False)[0]
    )
    without = forgetting(avalanche_stream(EWCPlugin(0.0))[0])
    assert mini_batch > per_row + 0.1
    assert kept_moments > per_row + 0.05
    page.finding(
        AREA,
        "The streams above give Avalanche importances from single rows and a fresh optimiser in each domain, as ours has. With "
        f"its own defaults it forgets more at the same lambda of {LAMBDA:g}: {per_row:.2f} of the accuracy with both, "
        f"{mini_batch:.2f} with importances from mini-batches of {BATCH} rows ({without:.2f} without any penalty), and "
        f"{kept_moments:.2f} with Adam's moments kept from one domain to the next (`reset_optimizer_state` is off unless it is "
        "passed to `train`).",
    )


def forgetting(matrix: np.ndarray) -> float:
    return float(formulas.forgetting(matrix))
