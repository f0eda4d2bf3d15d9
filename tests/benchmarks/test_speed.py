"""The reference methods against the field's own libraries: the same work in one process."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial

import pytest
import torch
from medtl_dann.dann import DANN
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from torch import Tensor, nn

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch
from tests.timing import Pairs, medians
from tests.together import in_two_processes, stacked

pytestmark = pytest.mark.slow
FIVE = Task("classification", ("a", "b", "c", "d", "e"))
TWO = Task("classification", ("a", "b"))
TASKS, ROWS, STEPS = 16, 20, 5
DOMAINS, DOMAIN_ROWS, COLUMNS, EPOCHS, BATCH = 4, 2000, 64, 5, 64
STREAMS, ROUNDS, TRIES = 30, 3, 2
DANN_ROWS, DANN_COLUMNS, DANN_EPOCHS = 600, 18, 20


def mlp(columns: int, classes: int) -> nn.Sequential:
    """Return the network of the bench, as a user of another library writes it."""
    return nn.Sequential(
        nn.Linear(columns, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, classes)
    )


def rows(n: int, columns: int, classes: int, *identity: str | int) -> tuple[Tensor, Tensor]:
    """Return Gaussian rows whose mean depends on their class."""
    draw = generator("speed", *identity)
    y = torch.randint(classes, (n,), generator=draw)
    return torch.randn(n, columns, generator=draw) + y[:, None] / classes, y


@pytest.mark.parametrize("threads", [2], indirect=True)
@pytest.mark.parametrize(("columns", "bar"), [(64, 3.0), (1024, 1.5)])
def test_a_meta_step_of_maml(speed, side_by_side, threads: int, columns: int, bar: float) -> None:
    l2l = pytest.importorskip("learn2learn")
    x, y = rows(TASKS * ROWS, columns, 5, columns)
    x, y = x.view(TASKS, ROWS, columns), y.view(TASKS, ROWS)

    method = MAML(FIVE, generator("speed maml"), inner_steps=STEPS)
    method.build([Split(x.flatten(0, 1), y.flatten())])
    adam = torch.optim.Adam(method.net.module.parameters(), lr=1e-3, fused=True)

    def ours() -> None:
        adam.zero_grad()
        method.objective(method.net, Batch(x, y, None, 0.0)).backward()
        adam.step()

    learner = l2l.algorithms.MAML(mlp(columns, 5), lr=method.inner_rate)
    their_adam, loss = torch.optim.Adam(learner.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    half = ROWS // 2

    def theirs() -> None:
        their_adam.zero_grad()
        total = 0.0
        for task_x, task_y in zip(x, y, strict=True):
            clone = learner.clone()
            for _ in range(STEPS):
                clone.adapt(loss(clone(task_x[:half]), task_y[:half]))
            total = total + loss(clone(task_x[half:]), task_y[half:])
        (total / TASKS).backward()
        their_adam.step()

    found = side_by_side(ours, theirs, pairs=25, bar=bar)
    what = (
        f"MAML meta-step, {TASKS} tasks of {half} + {half} rows, {STEPS} inner steps, "
        f"MLP 128-64, {columns} inputs"
    )
    speed.faster(what, "learn2learn", threads, found, bar)


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_a_stream_of_ewc(speed, threads: int) -> None:
    pytest.importorskip("avalanche")
    if torch.cuda.is_available():
        pytest.skip(
            "Autograd does not work in a fork where there is a GPU: "
            "hide it with CUDA_VISIBLE_DEVICES=''."
        )
    from avalanche.benchmarks import tensors_benchmark
    from avalanche.training.supervised import EWC as AvalancheEWC

    domains = [rows(DOMAIN_ROWS, COLUMNS, 5, "ewc", number) for number in range(DOMAINS)]
    steps = EPOCHS * -(-DOMAIN_ROWS // BATCH)

    def ours(seed: int) -> None:
        splits = [Split(x, y) for x, y in domains]
        budget = {
            "steps": steps,
            "adapt_steps": steps,
            "batch_size": BATCH,
            "fisher_rows": DOMAIN_ROWS,
            "sampling": "natural",
        }
        method = EWC(FIVE, generator("speed ewc", seed), **budget)
        method.fit(splits[:1], splits[0].x)
        for split in splits[1:]:
            method.adapt(split)

    def theirs() -> None:
        scenario = tensors_benchmark(domains, domains, task_labels=[0] * DOMAINS)
        model = mlp(COLUMNS, 5)
        options = {"train_mb_size": BATCH, "train_epochs": EPOCHS}
        strategy = AvalancheEWC(
            model=model,
            optimizer=torch.optim.Adam(model.parameters()),
            criterion=nn.CrossEntropyLoss(),
            ewc_lambda=150.0,
            **options,
        )
        with redirect_stdout(io.StringIO()):  # its default evaluator reports every epoch
            for experience in scenario.train_stream:
                strategy.train(experience)

    both, twice = (
        partial(in_two_processes, work) for work in (partial(stacked, ours, STREAMS), theirs)
    )
    works = [both, twice, theirs, partial(ours, 0), partial(plain, domains)]
    # the first call in a process takes longer; the others are new processes or long enough
    medians(works[3:], 1)
    what = (
        f"EWC over a stream of {DOMAINS} domains, {DOMAIN_ROWS:,} x {COLUMNS} each, "
        f"{EPOCHS} epochs, batch {BATCH}"
    )
    many = (
        f"{what}: {2 * STREAMS} seeds on two cores, as a run trains them, "
        f"a program of {STREAMS} on each"
    )
    for _ in range(TRIES):  # another process may have disturbed the first
        together, two, one, alone, bare = medians(works, ROUNDS)
        table = [
            (many, Pairs(together, 2 * STREAMS * one, ROUNDS), 30.0),
            (f"{many}; against two streams at once", Pairs(together, STREAMS * two, ROUNDS), 15.0),
            (f"{what}: one by itself", Pairs(alone, one, ROUNDS), 5.0),
            (
                "the same training in a bare PyTorch loop, without Fisher and penalty",
                Pairs(bare, one, ROUNDS),
                0.0,
            ),
        ]
        if all(found.ratio >= speed.share * bar for _, found, bar in table):
            break
    for told, found, bar in table:
        speed.faster(told, "avalanche-lib", threads, found, bar)


def plain(domains: list[tuple[Tensor, Tensor]]) -> None:
    """Train on one domain after the other with nothing in between."""
    net = mlp(COLUMNS, 5)
    optimiser = torch.optim.Adam(net.parameters(), fused=True)
    for x, y in domains:
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimiser.zero_grad()
                nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
                optimiser.step()


class Critic(nn.Module):
    """A domain classifier for skada, whose default one answers a constant."""

    def __init__(self) -> None:
        from skada.deep.modules import GradientReversalLayer

        super().__init__()
        self.reversal = GradientReversalLayer.apply
        self.net = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid(), nn.Flatten(0)
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.net(self.reversal(z, 1.0))


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_a_training_of_dann(speed, side_by_side, threads: int) -> None:
    pytest.importorskip("skada.deep")
    import numpy as np
    from skada.deep import DANN as SkadaDANN

    (x, y), (target, _) = (
        rows(DANN_ROWS, DANN_COLUMNS, 2, "dann", name) for name in ("source", "target")
    )
    steps = DANN_EPOCHS * -(-DANN_ROWS // BATCH)
    both = np.concatenate([x.numpy(), target.numpy() + 1])
    labels = np.concatenate([y.numpy(), np.full(DANN_ROWS, -1)])
    sample_domain = np.repeat([1, -2], DANN_ROWS)

    def ours() -> None:
        budget = {"steps": steps, "batch_size": BATCH, "sampling": "natural"}
        descent = {"optimiser": "adam", "schedule": "constant", "clip_norm": 0.0}
        learner = DANN(TWO, generator("speed dann"), **budget, **descent, learning_rate=1e-3)
        learner.fit([Split(x, y)], target + 1)

    def theirs() -> None:
        base = nn.Sequential()
        layers = list(mlp(DANN_COLUMNS, 2))
        base.add_module("features", nn.Sequential(*layers[:-1]))
        base.add_module("head", layers[-1])
        options = {
            "max_epochs": DANN_EPOCHS,
            "batch_size": BATCH,
            "train_split": None,
            "verbose": 0,
        }
        learner = SkadaDANN(
            base,
            reg=1.0,
            layer_name="features",
            domain_classifier=Critic(),
            optimizer=torch.optim.Adam,
            lr=1e-3,
            **options,
        )
        learner.fit(both, labels, sample_domain=sample_domain)

    found = side_by_side(ours, theirs, pairs=5, bar=3.0)
    what = (
        f"DANN, {DANN_ROWS} + {DANN_ROWS} rows x {DANN_COLUMNS}, {DANN_EPOCHS} epochs, "
        f"batch {BATCH}"
    )
    speed.faster(what, "skada", threads, found, 3.0)


def test_what_is_compared_learns_the_same_problem() -> None:
    x, y = rows(DOMAIN_ROWS, COLUMNS, 5, "ewc", 0)
    build: Callable[..., EWC] = partial(
        EWC, FIVE, generator("speed learns"), batch_size=BATCH, steps=EPOCHS * 32
    )
    method = build()
    method.fit([Split(x, y)], x)
    assert float((method.predict(x).argmax(1) == y).float().mean()) > 0.5
