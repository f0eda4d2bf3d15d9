"""MAML against learn2learn, higher and TensorFlow: the same weights, tasks and step size must give the same meta-gradient."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from medtl_maml.maml import MAML
from torch import Tensor, nn

from medtl_bench.board.statistics import Mean, mean_interval
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch, batches
from medtl_bench.training.descent import Options
from medtl_bench.training.loop import optimise
from tests.simulated import VALUES, sine_task

l2l = pytest.importorskip("learn2learn")
higher = pytest.importorskip("higher")
tf = pytest.importorskip("tensorflow")

Meta = tuple[Tensor, list[Tensor]]
AREA = "MAML"
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
THREE = Task("classification", ("a", "b", "c"))
PROBLEMS = {"vectors": (THREE, (6,)), "images": (THREE, (1, 8, 8)), "values": (VALUES, (2,))}
ORDERS = {"second order": False, "first order": True}
TASKS, ROWS, DRAW = 4, 10, 10
META_STEPS, LEARNING_RATE, EPISODES, QUERY_ROWS = 200, 3e-3, 1000, 30


def problem(kind: str, steps: int, first_order: bool, dtype: torch.dtype) -> tuple[MAML, Batch]:
    """Return a MAML learner with fresh weights and one batch of tasks, half of whose rows are the support."""
    task, shape = PROBLEMS[kind]
    draw = generator("crosscheck maml", kind, DRAW)
    x = 2 * torch.randn(TASKS, ROWS, *shape, generator=draw) + 1
    y = (
        torch.randn(TASKS, ROWS, generator=draw)
        if task is VALUES
        else torch.randint(3, (TASKS, ROWS), generator=draw)
    )
    method = MAML(
        task, generator("crosscheck maml weights", DRAW), inner_steps=steps, first_order=first_order
    )
    method.build([Split(x[0], y[0])])
    method.net.module.to(dtype)
    return method, Batch(x.to(dtype), y.to(dtype) if task is VALUES else y, None, 0.0)


def plain(method: MAML) -> nn.Module:
    """Return a copy of the learner's network as an ordinary module."""
    return deepcopy(nn.Sequential(method.net.module["features"], method.net.module["head"]))


def halves(batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield support inputs, support labels, query inputs and query labels of each task."""
    half = batch.y.shape[1] // 2
    for x, y in zip(batch.x, batch.y, strict=True):
        yield x[:half], y[:half], x[half:], y[half:]


def by_us(method: MAML, batch: Batch) -> Meta:
    loss = method.objective(method.net, batch)
    return loss, list(torch.autograd.grad(loss, list(method.net.module.parameters())))


def by_learn2learn(method: MAML, batch: Batch) -> Meta:
    model = plain(method)
    loss = learn2learn_loss(
        l2l.algorithms.MAML(model, lr=method.inner_rate, first_order=method.first_order),
        method,
        batch,
    )
    return loss, list(torch.autograd.grad(loss, list(model.parameters())))


def learn2learn_loss(learner: nn.Module, method: MAML, batch: Batch) -> Tensor:
    """Return the mean query loss of learn2learn's clones after their inner steps."""
    losses = []
    for x, y, query_x, query_y in halves(batch):
        clone = learner.clone()
        for _ in range(method.inner_steps):
            clone.adapt(method.task.loss(clone(x), y))
        losses.append(method.task.loss(clone(query_x), query_y))
    return torch.stack(losses).mean()


def by_higher(method: MAML, batch: Batch) -> Meta:
    """Return higher's; its first order is the gradient in the adapted weights, which bear no history."""
    model = plain(method)
    optimiser = torch.optim.SGD(model.parameters(), lr=method.inner_rate)
    losses, gradients = [], []
    for x, y, query_x, query_y in halves(batch):
        second = not method.first_order
        with higher.innerloop_ctx(
            model, optimiser, copy_initial_weights=False, track_higher_grads=second
        ) as (fast, inner):
            for _ in range(method.inner_steps):
                inner.step(method.task.loss(fast(x), y))
            losses.append(method.task.loss(fast(query_x), query_y))
            weights = model.parameters() if second else fast.parameters()
            gradients.append(torch.autograd.grad(losses[-1], list(weights)))
    return torch.stack(losses).mean(), [
        torch.stack(task).mean(0) for task in zip(*gradients, strict=True)
    ]


def by_tensorflow(method: MAML, batch: Batch) -> Meta:
    """Return TensorFlow's, whose network, losses and inner steps are written out here: they share no code with ours."""
    scaling = method.net.module["features"][0]
    mean, deviation = scaling.mean.numpy(), scaling.deviation.numpy()
    weights = [tf.Variable(p.detach().numpy()) for p in method.net.module.parameters()]

    def loss(theta: list, x: Tensor, y: Tensor):
        w1, b1, w2, b2, w3, b3 = theta
        z = tf.nn.relu((x.numpy() - mean) / deviation @ tf.transpose(w1) + b1)
        out = tf.nn.relu(z @ tf.transpose(w2) + b2) @ tf.transpose(w3) + b3
        if method.task is VALUES:
            return tf.reduce_mean((out[:, 0] - y.numpy()) ** 2)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y.numpy(), out))

    with tf.GradientTape() as outer:
        losses = []
        for x, y, query_x, query_y in halves(batch):
            theta = [tf.identity(w) for w in weights]
            for _ in range(method.inner_steps):
                with tf.GradientTape() as tape:
                    tape.watch(theta)
                    support_loss = loss(theta, x, y)
                gradient = tape.gradient(support_loss, theta)
                if method.first_order:
                    gradient = [tf.stop_gradient(g) for g in gradient]
                theta = [w - method.inner_rate * g for w, g in zip(theta, gradient, strict=True)]
            losses.append(loss(theta, query_x, query_y))
        total = tf.reduce_mean(tf.stack(losses))
    return torch.tensor(total.numpy()), [
        torch.from_numpy(g.numpy()) for g in outer.gradient(total, weights)
    ]


def difference(found: Meta, wanted: Meta) -> float:
    """Return the largest of: the loss's relative difference, and each gradient's against that gradient's largest entry."""
    scaled = [abs(found[0] - wanted[0]) / abs(wanted[0])]
    scaled += [
        (f - w).abs().max() / w.abs().max() for f, w in zip(found[1], wanted[1], strict=True)
    ]
    return float(torch.stack(scaled).detach().max())


def compare(
    page,
    peer: str,
    by_peer: Callable,
    kinds: tuple[str, ...],
    order: str,
    steps: int,
    dtype: torch.dtype,
) -> None:
    differences = []
    for kind in kinds:
        made = problem(kind, steps, ORDERS[order], dtype)
        found, wanted = by_us(*made), by_peer(*made)
        assert all(g.abs().max() > 5e-3 for g in wanted[1]), (
            "Gradients that nearly cancel would compare rounding errors."
        )
        differences.append(difference(found, wanted))
    what = f"meta-loss and every meta-gradient, {order}, {steps} inner step{'s'[: steps - 1]}, {str(dtype)[6:]}"
    page.within(AREA, what, peer, max(differences), TOLERANCE[dtype])


@pytest.mark.parametrize("peer", ["learn2learn", "higher"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_meta_gradients_are_those_of_other_libraries(
    page, peer: str, order: str, steps: int, dtype: torch.dtype
) -> None:
    by_peer = {"learn2learn": by_learn2learn, "higher": by_higher}[peer]
    compare(page, peer, by_peer, tuple(PROBLEMS), order, steps, dtype)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("steps", [1, 5])
def test_meta_gradients_are_those_of_another_framework(page, order: str, steps: int) -> None:
    compare(
        page, "tensorflow-cpu", by_tensorflow, ("vectors", "values"), order, steps, torch.float64
    )


@dataclass(frozen=True)
class Training:
    """A family of tasks, how many rows a new one shows, and how many inner steps are taken on them."""

    what: str
    measure: str
    task: Task
    draw: Callable[[torch.Generator, int], Split]
    support_rows: int
    inner_steps: int

    def split(self, draw: torch.Generator, rows: int, dtype: torch.dtype) -> Split:
        """Return a new task in a precision."""
        made = self.draw(draw, rows)
        return Split(made.x.to(dtype), made.y.to(dtype) if self.task is VALUES else made.y)

    def start(self, dtype: torch.dtype) -> tuple[MAML, nn.Module]:
        """Return our learner and learn2learn's with the same weights, untrained."""
        ours = MAML(
            self.task,
            generator("crosscheck maml start", self.what),
            inner_steps=self.inner_steps,
            learning_rate=LEARNING_RATE,
        )
        ours.build(self.sources(dtype))
        ours.net.module.to(dtype)
        return ours, l2l.algorithms.MAML(plain(ours), lr=ours.inner_rate)

    def sources(self, dtype: torch.dtype) -> list[Split]:
        """Return the tasks to train on."""
        draw = generator("crosscheck maml tasks", self.what)
        return [self.split(draw, 60, dtype) for _ in range(100)]

    def stream(self, dtype: torch.dtype) -> Iterator[Batch]:
        """Yield the batches to train on, the same each time."""
        order = generator("crosscheck maml stream", self.what)
        return batches(self.sources(dtype), None, META_STEPS, 2 * self.support_rows, TASKS, order)

    def trained(self, dtype: torch.dtype) -> tuple[MAML, nn.Module]:
        """Return both after the same stream, each trained by its own code."""
        ours, theirs = self.start(dtype)
        self.train_learn2learn(theirs, ours, self.stream(dtype))
        optimise(ours.net, ours.objective, self.stream(dtype), Options(ours.learning_rate))
        return ours, theirs

    def train_learn2learn(self, learner: nn.Module, like: MAML, stream: Iterator[Batch]) -> None:
        """Train learn2learn's learner with the options of ours."""
        optimiser = torch.optim.Adam(learner.parameters(), lr=like.learning_rate)
        for batch in stream:
            optimiser.zero_grad()
            learn2learn_loss(learner, like, batch).backward()
            optimiser.step()

    def episodes(self, dtype: torch.dtype) -> tuple[Split, Split]:
        """Return the support [episodes, rows, ...] and the query of new tasks."""
        draw = generator("crosscheck maml episodes", self.what)
        made = [self.split(draw, self.support_rows + QUERY_ROWS, dtype) for _ in range(EPISODES)]
        x, y, n = (
            torch.stack([m.x for m in made]),
            torch.stack([m.y for m in made]),
            self.support_rows,
        )
        return Split(x[:, :n], y[:, :n]), Split(x[:, n:], y[:, n:])

    def by_us(self, learner: MAML, dtype: torch.dtype) -> Mean:
        """Return our few-shot score with its interval over episodes."""

        def outputs(x: Tensor, y: Tensor, query_x: Tensor) -> Tensor:
            theta = learner.inner(learner.net, learner.net.parameters, x, y, self.inner_steps)
            return learner.net.with_parameters(theta)(query_x)

        support, query = self.episodes(dtype)
        return self.score(torch.func.vmap(outputs)(support.x, support.y, query.x), query.y)

    def by_learn2learn(self, learner: nn.Module, dtype: torch.dtype) -> Mean:
        """Return learn2learn's."""
        support, query = self.episodes(dtype)
        found = []
        for x, y, query_x in zip(support.x, support.y, query.x, strict=True):
            clone = learner.clone()
            for _ in range(self.inner_steps):
                clone.adapt(self.task.loss(clone(x), y))
            found.append(clone(query_x).detach())
        return self.score(torch.stack(found), query.y)

    def score(self, outputs: Tensor, y: Tensor) -> Mean:
        """Return the accuracy, or for values the mean squared error, of each episode, as a mean over episodes."""
        right = (outputs - y) ** 2 if self.task is VALUES else (outputs.argmax(-1) == y).double()
        return mean_interval(right.detach().mean(1).numpy())


def blobs(draw: torch.Generator, rows: int) -> Split:
    """Return three classes around random places."""
    y = torch.randint(3, (rows,), generator=draw)
    return Split(torch.randn(3, 8, generator=draw)[y] + torch.randn(rows, 8, generator=draw), y)


BLOBS = Training("3-way blobs with 15 labels and 5 inner steps", "accuracy", THREE, blobs, 15, 5)
SINES = Training("sines with 10 labels and 1 inner step", "squared error", VALUES, sine_task, 10, 1)


@pytest.mark.slow
@pytest.mark.parametrize("training", [BLOBS, SINES], ids=["blobs", "sines"])
def test_training_on_the_same_stream_ends_at_the_same_few_shot_score(
    page, training: Training
) -> None:
    dtype = torch.float64
    before = training.by_us(training.start(dtype)[0], dtype)
    ours, theirs = training.trained(dtype)
    weights = (
        f"every weight after {META_STEPS} meta-steps on the same tasks, {training.what}, float64"
    )
    page.within(AREA, weights, "learn2learn", apart(ours.net.module, theirs), 1e-6, "absolute")
    found, wanted = training.by_us(ours, dtype), training.by_learn2learn(theirs, dtype)
    assert abs(found.mean - before.mean) > 5 * before.half, (
        "A learner that has not learned would compare nothing."
    )
    told = f"{training.measure} over {EPISODES:,} new tasks after that, {training.what}"
    holds = abs(found.mean - wanted.mean) <= min(found.half, wanted.half)
    page.agree(
        AREA,
        told,
        "learn2learn",
        shown(found),
        shown(wanted),
        "each inside the other's 95% interval",
        holds=holds,
    )


@pytest.mark.slow
def test_trainings_in_float32_part_as_learn2learn_parts_from_itself(page) -> None:
    dtype = torch.float32
    ours, theirs = BLOBS.trained(dtype)
    _, again = BLOBS.start(dtype)
    reversed_tasks = (
        Batch(b.x.flip(0), b.y.flip(0), None, b.progress) for b in BLOBS.stream(dtype)
    )
    BLOBS.train_learn2learn(again, ours, reversed_tasks)
    drift, own_drift = apart(ours.net.module, theirs), apart(again, theirs)
    scores = [
        shown(BLOBS.by_us(ours, dtype)),
        shown(BLOBS.by_learn2learn(theirs, dtype)),
        shown(BLOBS.by_learn2learn(again, dtype)),
    ]
    page.finding(
        AREA,
        f"In float32 two trainings do not stay together: after {META_STEPS} meta-steps on {BLOBS.what} the weights differ by up to "
        f"{drift:.0e} from learn2learn's (accuracy {scores[0]} against {scores[1]}), though each meta-gradient agrees to about 1e-6. "
        f"The cause is not the method: learn2learn differs from itself by {own_drift:.0e} (accuracy {scores[2]}) when its tasks are "
        "summed in the opposite order. Meta-training amplifies rounding, so that one float32 training is one draw, whose interval "
        "over episodes says nothing of another; methods are to be compared over seeds. In float64 both stay together (above).",
    )
    assert drift <= 10 * own_drift


def apart(one: nn.Module, other: nn.Module) -> float:
    """Return the largest difference between two networks' weights."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((p - q).detach().abs().max()) for p, q in pairs)


def shown(mean: Mean) -> str:
    return f"{mean.mean:.4f} ± {mean.half:.4f}"
