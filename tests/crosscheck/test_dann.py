"""DANN against its formula by finite differences, and against the reversals, gradients and gains of other libraries."""

import math
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.bounds import SourceOnly
from medtl_dann.dann import DANN, reverse
from medtl_toy.dataset import vectors
from torch import Tensor, nn
from torch.func import grad, vmap

from medtl_bench.board.statistics import Mean, mean_interval
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch, batches
from medtl_bench.training.method import GradientMethod

pytest.importorskip("pytorch_adapt")
pytest.importorskip("skada.deep")

from pytorch_adapt.adapters import DANN as TheirDANN
from pytorch_adapt.adapters import Classifier
from pytorch_adapt.containers import Models, Optimizers
from pytorch_adapt.hooks import DomainLossHook, FeaturesForDomainLossHook, GradientReversalHook
from pytorch_adapt.layers import GradientReversal
from pytorch_adapt.weighters import MeanWeighter, SumWeighter
from skada.deep import DANNLoss
from skada.deep.base import DomainAwareCriterion, DomainAwareModule
from skada.deep.modules import DomainClassifier, GradientReversalLayer

AREA = "DANN"
THREE = Task("classification", ("a", "b", "c"))
MASKS = Task("segmentation", ("background", "blob"))
INPUTS = {
    "vectors": (THREE, (3,), 8),
    "images": (THREE, (1, 8, 8), 64),
    "masks": (MASKS, (1, 8, 8), 64),
}
WEIGHTS, PROGRESS = (0.5, 1.0, 3.0), (0.0, 0.05, 0.3, 0.95)
ROWS, ENTRIES = 6, 4
# what pytorch-adapt is handed too
ADAM = {"optimiser": "adam", "schedule": "constant", "clip_norm": 0.0, "learning_rate": 1e-3}
PLAIN = {**ADAM, "sampling": "natural", "patience": 0}
STEPS, SEEDS = 200, range(10)

Gradients = dict[str, Tensor]


def strength(weight: float, progress: float) -> float:
    """Return lambda of section 5.2.2, gamma = 10."""
    return weight * (2 / (1 + math.exp(-10 * progress)) - 1)


def problem(kind: str, weight: float, progress: float) -> tuple[DANN, Batch]:
    """Return a learner with fresh weights and a batch of two sources and a target, in float64."""
    task, shape, width = INPUTS[kind]
    draw = generator("crosscheck dann", kind)
    x, target = (
        torch.randn(2, ROWS, *shape, generator=draw),
        torch.randn(2 * ROWS, *shape, generator=draw) + 1,
    )
    y = torch.randint(
        task.outputs, (2, ROWS, *(shape[1:] if task is MASKS else ())), generator=draw
    )
    method = DANN(task, generator("crosscheck dann weights", kind), weight=weight, width=width)
    method.build([Split(x.flatten(0, 1), y.flatten(0, 1))])
    method.net.module.double()
    return method, Batch(
        x.double(), y, target.double(), torch.tensor(progress, dtype=torch.float64)
    )


def by_us(method: DANN, batch: Batch) -> tuple[float, Gradients]:
    names, parameters = zip(*method.net.module.named_parameters(), strict=True)
    loss = method.objective(method.net, batch)
    return float(loss.detach()), dict(
        zip(names, torch.autograd.grad(loss, parameters), strict=True)
    )


def classification(method: DANN, batch: Batch) -> Tensor:
    """Return L_cls, the mean over pixels too."""
    x, y = batch.pooled()
    return -method.net(x).log_softmax(1).gather(1, y[:, None]).mean()


def domain(method: DANN, batch: Batch) -> Tensor:
    """Return L_D = -E_s[log D] - E_t[log(1 - D)] as it is written in the paper, of features averaged over pixels."""
    features = [method.net.features(x) for x in (batch.pooled()[0], batch.unlabelled)]
    source, target = (
        method.net.critic(z.flatten(2).mean(2) if z.ndim > 2 else z).sigmoid() for z in features
    )
    return -source.log().mean() - (1 - target).log().mean()


@torch.no_grad()
def central_differences(
    loss: Callable[[], Tensor], parameter: Tensor, entries: list[int], step: float = 1e-6
) -> Tensor:
    """Return (L(w + step) - L(w - step)) / (2 step) for some entries of a parameter."""
    flat, found = parameter.data.view(-1), []
    for entry in entries:
        here, sides = float(flat[entry]), []
        for side in (here + step, here - step):
            flat[entry] = side
            sides.append(float(loss()))
        flat[entry] = here
        found.append((sides[0] - sides[1]) / (2 * step))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("kind", INPUTS)
def test_losses_and_gradients_are_those_of_the_formula(page, kind: str) -> None:
    """Critic: d L_D; features: d L_cls - lambda d L_D; head: d L_cls; at the entries where the gradient is largest."""
    losses, gradients = [], {"critic": [], "features": [], "head": []}
    for weight in WEIGHTS:
        for progress in PROGRESS:
            method, batch = problem(kind, weight, progress)
            loss, found = by_us(method, batch)
            wanted_loss = float((classification(method, batch) + domain(method, batch)).detach())
            losses.append(abs(loss - wanted_loss) / wanted_loss)
            for name, parameter in method.net.module.named_parameters():
                part = name.split(".")[0]
                entries = (
                    found[name]
                    .flatten()
                    .abs()
                    .topk(min(ENTRIES, parameter.numel()))
                    .indices.tolist()
                )
                slopes = [
                    central_differences(partial(f, method, batch), parameter, entries)
                    for f in (classification, domain)
                ]
                share = {
                    "critic": (0, 1),
                    "features": (1, -strength(weight, progress)),
                    "head": (1, 0),
                }[part]
                wanted = share[0] * slopes[0] + share[1] * slopes[1]
                assert wanted.abs().max() > 1e-6, (
                    f"A gradient that vanishes would compare nothing: {name}."
                )
                gradients[part].append(
                    float(
                        (found[name].flatten()[entries] - wanted).abs().max() / wanted.abs().max()
                    )
                )
    cases = f"{kind}, {len(losses)} values of lambda"
    page.within(AREA, f"loss, {cases}", "the formula", max(losses), 1e-12)
    formulas = {"critic": "d L_D", "features": "d L_cls - lambda d L_D", "head": "d L_cls"}
    for part, formula in formulas.items():
        page.within(
            AREA,
            f"gradient of the {part}, {formula}, {cases}",
            "finite differences",
            max(gradients[part]),
            1e-6,
        )


def parts(method: GradientMethod) -> dict[str, nn.Module]:
    """Return copies of the learner's networks under pytorch-adapt's names."""
    module = deepcopy(method.net.module)
    named = {"G": module["features"], "C": module["head"]}
    return named | (
        {"D": nn.Sequential(module["critic"], nn.Flatten(0))} if "critic" in module else {}
    )


def pytorch_adapt_dann(
    method: DANN, learning_rate: float, optimiser=torch.optim.Adam, weighter=None
):
    """Return pytorch-adapt's DANN from our weights, and its reversal layer, whose weight can be set."""
    f_hook = FeaturesForDomainLossHook()
    # see the finding: its default is the integer 1
    reversal = GradientReversalHook(weight=1.0, apply_to=f_hook.out_keys)
    adapter = TheirDANN(
        models=Models(parts(method)),
        optimizers=Optimizers((optimiser, {"lr": learning_rate})),
        hook_kwargs={
            "f_hook": f_hook,
            "gradient_reversal": reversal,
            "weighter": weighter,
            "domain_loss_hook": DomainLossHook(
                f_hook=f_hook, d_loss_fn=in_the_precision_of_the_logits
            ),
        },
    )
    return adapter, reversal.fn


def in_the_precision_of_the_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return pytorch-adapt's own domain loss of each row, which it takes with labels in float32 whatever the model's type."""
    return nn.functional.binary_cross_entropy_with_logits(
        logits, labels.to(logits), reduction="none"
    )


def pytorch_adapt_batch(batch: Batch) -> dict[str, Tensor]:
    """Return a batch under pytorch-adapt's names; the critic gives the log-odds of a source, so sources are labelled 1."""
    x, y = batch.pooled()
    ones, zeros = torch.ones(len(x)), torch.zeros(len(batch.unlabelled))
    return {
        "src_imgs": x,
        "src_labels": y,
        "src_domain": ones,
        "target_imgs": batch.unlabelled,
        "target_domain": zeros,
    }


def by_pytorch_adapt(method: DANN, batch: Batch, weighter) -> tuple[float, Gradients]:
    adapter, reversal = pytorch_adapt_dann(method, 0.0, torch.optim.SGD, weighter)
    for model in adapter.models.values():
        model.double()
    reversal.double().update_weight(strength(method.weight, batch.progress))
    losses = adapter.training_step(
        {
            k: v.double() if v.is_floating_point() else v
            for k, v in pytorch_adapt_batch(batch).items()
        }
    )
    named = {"G": "features", "C": "head", "D": "critic"}
    found = {
        f"{named[part]}.{name.removeprefix('0.') if part == 'D' else name}": parameter.grad
        for part, model in adapter.models.items()
        for name, parameter in model.named_parameters()
    }
    return losses["total_loss"]["total"], found


class SkadaCritic(nn.Module):
    """Our critic behind skada's reversal layer, as a user of skada would write it: the probability of a target."""

    def __init__(self, critic: nn.Module, alpha: float) -> None:
        super().__init__()
        self.critic, self.alpha = critic, alpha

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(-self.critic(GradientReversalLayer.apply(z, self.alpha))).squeeze(1)


def by_skada(
    method: DANN, batch: Batch, classifier: nn.Module | None = None, reg: float = 1.0
) -> tuple[float, Gradients]:
    """Return the loss and gradients of skada's module and criterion with our weights."""
    module = deepcopy(method.net.module)
    critic = classifier or SkadaCritic(module["critic"], strength(method.weight, batch.progress))
    base = nn.Sequential(OrderedDict(features=module["features"], head=module["head"]))
    net = DomainAwareModule(base, "features", critic).train()
    criterion = DomainAwareCriterion(nn.CrossEntropyLoss(), DANNLoss(), reg=reg)
    x, y = batch.pooled()
    domains = torch.cat([torch.ones(len(x)), -2 * torch.ones(len(batch.unlabelled))])
    labels = torch.cat([y, -torch.ones(len(batch.unlabelled), dtype=torch.long)])
    loss = criterion(net(torch.cat([x, batch.unlabelled]), sample_domain=domains), labels)
    loss.backward()
    return float(loss.detach()), {
        name: p.grad for name, p in module.named_parameters() if p.grad is not None
    }


def difference(found: tuple[float, Gradients], wanted: tuple[float, Gradients]) -> float:
    """Return the largest of: the loss's relative difference, and each gradient's against that gradient's largest entry."""
    assert found[1].keys() == wanted[1].keys()
    gradients = [(found[1][name] - g).abs().max() / g.abs().max() for name, g in wanted[1].items()]
    return max(abs(found[0] - wanted[0]) / abs(wanted[0]), *map(float, gradients))


@pytest.mark.parametrize("peer", ["pytorch-adapt", "skada"])
def test_losses_and_gradients_are_those_of_other_libraries(page, peer: str) -> None:
    torch.set_default_dtype(torch.float64)  # skada makes its domain labels in it
    by_peer = {
        "pytorch-adapt": partial(by_pytorch_adapt, weighter=SumWeighter()),
        "skada": by_skada,
    }[peer]
    made = [
        problem(kind, weight, p)
        for kind in ("vectors", "images")
        for weight in WEIGHTS
        for p in PROGRESS
    ]
    differences = [difference(by_us(*one), by_peer(*one)) for one in made]
    what = f"loss and every gradient of critic, features and head, {len(made)} cases, float64"
    page.within(AREA, what, peer, max(differences), 1e-12)


def test_pytorch_adapt_takes_the_mean_of_the_three_losses(page) -> None:
    method, batch = problem("vectors", 1.0, 0.3)
    loss, gradients = by_pytorch_adapt(method, batch, MeanWeighter())
    thrice = 3 * loss, {name: 3 * g for name, g in gradients.items()}
    page.within(
        AREA,
        "3 times loss and gradients with its default weighter",
        "pytorch-adapt",
        difference(thrice, by_us(method, batch)),
        1e-12,
    )
    page.finding(
        AREA,
        "pytorch-adapt's default MeanWeighter minimises (L_cls + L_s + L_t) / 3, a third of the paper's sum: the same "
        "direction, so nothing changes under Adam, but plain SGD takes steps a third as long. Its SumWeighter gives the sum.",
    )


def test_skada_weighs_the_domain_loss_where_the_paper_weighs_the_reversal(page) -> None:
    """`reg` scales what the critic learns from too; `alpha` of the classifier is the paper's lambda."""
    torch.set_default_dtype(torch.float64)
    method, batch = problem("vectors", 1.0, 0.3)
    (_, ours), (_, theirs) = by_us(method, batch), by_skada(method, batch, reg=0.25)
    critic = [name for name in ours if name.startswith("critic")]
    gaps = [
        (theirs[name] - 0.25 * ours[name]).abs().max() / ours[name].abs().max() for name in critic
    ]
    page.within(
        AREA,
        "critic's gradient with reg = 0.25, as a share of ours, against 0.25",
        "skada",
        float(max(gaps)),
        1e-12,
    )
    page.finding(
        AREA,
        "skada's `reg` multiplies the whole domain loss, so that the critic learns more slowly by it too; the paper's lambda only "
        "multiplies the reversed gradient (eq. 14), which in skada is `alpha` of the domain classifier, a constant without schedule.",
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_reversal_is_that_of_other_libraries(page, dtype: torch.dtype) -> None:
    z = torch.randn(50, 7, generator=generator("crosscheck reversal"), dtype=dtype)
    peers = {"pytorch-adapt": their_reversal, "skada": GradientReversalLayer.apply}
    for peer, layer in peers.items():
        differences = []
        for weight in (0.0, 0.1, 0.73, 1.0, 2.5):
            (value, gradient), (their_value, their_gradient) = (
                reversed_by(f, z, weight) for f in (our_reversal, layer)
            )
            differences += [
                float((value - their_value).abs().max()),
                float((gradient - their_gradient).abs().max()),
            ]
        page.within(
            AREA,
            f"reversal: values and gradients, {str(dtype)[6:]}",
            peer,
            max(differences),
            16 * torch.finfo(dtype).eps,
            "absolute",
        )


def our_reversal(z: Tensor, weight: float) -> Tensor:
    return reverse(z, torch.tensor(weight, dtype=z.dtype))


def their_reversal(z: Tensor, weight: float) -> Tensor:
    """Return pytorch-adapt's reversal with a weight in the precision of z."""
    layer = GradientReversal().to(z)
    layer.update_weight(weight)
    return layer(z)


def test_reversal_of_pytorch_adapt_truncates_its_weight_unless_it_was_made_with_a_float(
    page,
) -> None:
    hooks = [GradientReversalHook(apply_to=["z"]), GradientReversalHook(weight=1.0, apply_to=["z"])]
    for hook in hooks:
        hook.fn.update_weight(0.9)
    weights = [hook.fn.weight.item() for hook in hooks]
    assert weights == [0, pytest.approx(0.9)]
    page.finding(
        AREA,
        "pytorch-adapt's DANN makes its reversal with the integer 1 unless it is given a hook of one's own, and keeps the weight in a "
        f"tensor of integers: `update_weight(0.9)` then sets {weights[0]}, so a schedule of lambda from 0 to 1 trains without any "
        "adaptation, and without an error. The comparisons here pass `GradientReversalHook(weight=1.0)`.",
    )


def reversed_by(layer: Callable, z: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Return what a layer gives, and the gradient of sum(sin(layer(z)))."""
    z = z.clone().requires_grad_()
    value = layer(z, weight)
    return value.detach(), torch.autograd.grad(value.sin().sum(), z)[0]


def test_reversal_and_objective_under_vmap_are_those_of_a_loop(page) -> None:
    draw = generator("crosscheck vmap")
    z, weights = (
        torch.randn(5, 7, generator=draw, dtype=torch.float64),
        torch.rand(5, generator=draw, dtype=torch.float64),
    )
    slope = grad(lambda z, w: reverse(z, w).sin().sum())
    looped = torch.stack([slope(*one) for one in zip(z, weights, strict=True)])
    page.within(
        AREA,
        "reversal's gradient under vmap, each row with its own lambda",
        "a loop",
        float((vmap(slope)(z, weights) - looped).abs().max()),
        1e-12,
        "absolute",
    )

    method, batch = problem("vectors", 1.0, 0.3)
    stacked = {
        name: torch.stack([p.detach() * s for s in (0.5, 1.0, 1.5)])
        for name, p in method.net.parameters.items()
    }
    slopes = grad(lambda theta: method.objective(method.net.with_parameters(theta), batch))
    together = vmap(slopes)(stacked)
    alone = [slopes({name: values[i] for name, values in stacked.items()}) for i in range(3)]
    differences = [
        (together[name][i] - g).abs().max() / g.abs().max()
        for i, one in enumerate(alone)
        for name, g in one.items()
    ]
    page.within(
        AREA,
        "every gradient under vmap over three learners",
        "a loop",
        float(max(differences)),
        1e-12,
    )

    peers = {
        "pytorch-adapt": GradientReversal(),
        "skada": lambda z: GradientReversalLayer.apply(z, 1.0),
    }
    for layer in peers.values():
        with pytest.raises(RuntimeError, match=r"vmap|setup_context"):
            vmap(grad(lambda z, layer=layer: layer(z).sin().sum()))(z)
    page.finding(
        AREA,
        "The reversals of pytorch-adapt and skada are custom autograd functions in the old style, which raise under vmap; "
        "ours is written without one, so that many trainings can be one program.",
    )


def test_default_domain_classifier_of_skada_gives_a_constant(page) -> None:
    torch.set_default_dtype(torch.float64)
    method, batch = problem("vectors", 1.0, 0.95)
    x, _ = batch.pooled()
    with pytest.warns(UserWarning, match="dim"):
        answers = DomainClassifier(num_features=method.width)(method.net.features(x))
    with pytest.warns(UserWarning, match="dim"):
        loss, gradients = by_skada(method, batch, DomainClassifier(num_features=method.width))
    assert (answers == 1).all()
    alone = classification(method, batch)
    features = dict(method.net.module["features"].named_parameters(prefix="features"))
    for name, g in zip(features, torch.autograd.grad(alone, list(features.values())), strict=True):
        assert torch.allclose(gradients[name], g, rtol=1e-12, atol=1e-15)
    page.finding(
        AREA,
        "skada's default domain classifier ends in a softmax over one output: it answers "
        f"{float(answers.detach().mean()):g} for every row of both domains, its loss is the constant {loss - float(alone.detach()):g} "
        "and no gradient of it reaches the features, so that skada's DANN with its defaults is source-only training. Pass a domain "
        "classifier of your own, with a sigmoid.",
    )


@pytest.mark.slow
# one experiment, read top to bottom
def test_adaptation_gain_is_that_of_pytorch_adapt(page) -> None:  # noqa: C901
    dataset = vectors()
    source, target = dataset.domain("batch-a"), dataset.domain("batch-d")
    task, rows = dataset.task, target.test

    def accuracy(outputs: Tensor) -> float:
        return float((outputs.argmax(1) == rows.y).double().mean())

    def ours(cls: type[GradientMethod], seed: int) -> float:
        learner = cls(task, generator("crosscheck gain", seed), steps=STEPS, **PLAIN)
        learner.fit([source.train], target.train.x)
        return accuracy(learner.predict(rows.x))

    def start(cls: type[GradientMethod], seed: int) -> GradientMethod:
        """Return our learner before its training, from which pytorch-adapt takes weights and batches."""
        learner = cls(task, generator("crosscheck gain", seed), steps=STEPS, **PLAIN)
        learner.build([source.train])
        return learner

    def stream(learner: GradientMethod):
        return batches(
            [source.train],
            target.train.x,
            STEPS,
            learner.batch_size,
            learner.sources_per_step,
            learner.generator,
        )

    def theirs(seed: int, scheduled: bool) -> float:
        learner = start(DANN, seed)
        adapter, reversal = pytorch_adapt_dann(learner, learner.learning_rate)
        for batch in stream(learner):
            if scheduled:
                reversal.update_weight(strength(learner.weight, batch.progress))
            adapter.training_step(pytorch_adapt_batch(batch))
        return accuracy(adapter.inference(rows.x)["logits"])

    def their_source_only(seed: int) -> float:
        learner = start(SourceOnly, seed)
        adam = Optimizers((torch.optim.Adam, {"lr": learner.learning_rate}), keys=["G", "C"])
        adapter = Classifier(models=Models(parts(learner)), optimizers=adam)
        for batch in stream(learner):
            given = pytorch_adapt_batch(batch)
            adapter.training_step({name: given[name] for name in ("src_imgs", "src_labels")})
        return accuracy(adapter.inference(rows.x)["logits"])

    def gain(adapted: Callable[[int], float], plain: list[float]) -> Mean:
        return mean_interval(
            np.array([adapted(seed) - base for seed, base in zip(SEEDS, plain, strict=True)])
        )

    our_base, their_base = (
        [ours(SourceOnly, s) for s in SEEDS],
        [their_source_only(s) for s in SEEDS],
    )
    found, wanted = (
        gain(partial(ours, DANN), our_base),
        gain(partial(theirs, scheduled=True), their_base),
    )
    assert found.mean - found.half > 0, "A method that gains nothing would compare nothing."
    told = f"adaptation gain on shifted-toy, batch-a to batch-d, {len(SEEDS)} seeds, {STEPS} steps, the same schedule of lambda"
    holds = abs(found.mean - wanted.mean) <= min(found.half, wanted.half)
    page.agree(
        AREA,
        told,
        "pytorch-adapt",
        shown(found),
        shown(wanted),
        "each inside the other's 95% interval",
        holds=holds,
    )
    constant = gain(partial(theirs, scheduled=False), their_base)
    page.finding(
        AREA,
        "pytorch-adapt's reversal has a constant weight, 1 by default, where ours follows the paper's schedule from 0 to 1; a user sets "
        f"it step by step with `update_weight`. With the constant its gain in the last row is {shown(constant)}, with the schedule {shown(wanted)}.",
    )


def shown(mean: Mean) -> str:
    return f"{mean.mean:.3f} ± {mean.half:.3f}"
