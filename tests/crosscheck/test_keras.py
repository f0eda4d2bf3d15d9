"""A Keras model as the backbone against the same torch network with copied weights."""

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from medtl_bench.contract.split import Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.networks import network
from medtl_bench.networks.keras import KerasBackbone, seeded
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.networks.scaling import scaling
from medtl_bench.randomness import generator
from medtl_bench.testing.algorithms import checks
from medtl_bench.testing.subject import Subject
from medtl_bench.testing.tiny import cases
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Options
from medtl_bench.training.loop import optimise

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

AREA, PEER = "Keras backbone", "keras"
THREE = Task("classification", ("a", "b", "c"))
TASKS, ROWS, WIDTH = 4, 12, 8
# Keras computes in float32 on torch, whatever the type of the model (see the finding)
TOLERANCE = 1e-5

Made = tuple[nn.Module, Any, tuple[int, ...]]
Make = Callable[[], Made]
# what the example in the docstring uses
DOCUMENTED = (Sequence, concatenate, dataclass, network, seeded)


def vectors() -> Made:
    """Return a torch network, the same one in Keras and the shape of a row."""
    dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
    model = keras.Sequential(
        [keras.Input((6,)), dense(16, "tanh"), norm(epsilon=1e-5), dense(WIDTH, "relu")]
    )
    twin = nn.Sequential(
        nn.Linear(6, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, WIDTH), nn.ReLU()
    )
    return twin, model, (6,)


def images(data_format: str = "channels_first") -> Made:
    """Return a torch network for images, the same one in Keras and the shape of a row."""
    options = {"activation": "relu", "data_format": data_format}
    first, second = (
        keras.layers.Conv2D(5, 3, padding="same", **options),
        keras.layers.Conv2D(WIDTH, 3, **options),
    )
    last = keras.layers.GlobalAveragePooling2D(data_format=data_format)
    model = keras.Sequential(
        [
            keras.Input((2, 8, 8) if data_format == "channels_first" else (8, 8, 2)),
            first,
            second,
            last,
        ]
    )
    convolutions = nn.Conv2d(2, 5, 3, padding=1), nn.Conv2d(5, WIDTH, 3)
    twin = nn.Sequential(
        convolutions[0],
        nn.ReLU(),
        convolutions[1],
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return twin, model, (2, 8, 8)


PROBLEMS = [vectors, images]


def as_keras(weight: Tensor) -> Tensor:
    """Return a torch weight with its axes in Keras's order."""
    return (
        weight.permute(2, 3, 1, 0)
        if weight.ndim == 4
        else weight.mT
        if weight.ndim == 2
        else weight
    )


def pair(make: Make) -> tuple[Network, Network, Batch]:
    """Return a torch network, one with a Keras backbone and the same weights, and a batch of tasks for them."""
    torch.manual_seed(0)
    twin, model, shape = make()
    model.set_weights([as_keras(weight).detach().numpy() for weight in twin.parameters()])
    head, draw = nn.Linear(WIDTH, 3), generator("crosscheck keras")
    x, y = (
        torch.randn(TASKS, ROWS, *shape, generator=draw),
        torch.randint(3, (TASKS, ROWS), generator=draw),
    )
    mine, theirs = (
        Network(nn.ModuleDict({"features": f, "head": deepcopy(head)}))
        for f in (twin, KerasBackbone(model))
    )
    return mine, theirs, Batch(x, y, None, 0.0)


def difference(mine: Parameters, theirs: Parameters) -> float:
    """Return the largest difference of a torch and a Keras network's parameters, each relative to its largest value."""
    gaps = []
    for (name, a), b in zip(mine.items(), theirs.values(), strict=True):
        expected = as_keras(a) if name.startswith("features") else a
        gaps.append(float((expected - b).abs().max() / expected.abs().max()))
    return max(gaps)


def gradients(loss: Tensor, net: Network) -> Parameters:
    names, values = zip(*net.parameters.items(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, values), strict=True))


@pytest.mark.parametrize("make", PROBLEMS)
def test_features_and_their_gradients_equal_torch(page, make: Make) -> None:
    mine, theirs, batch = pair(make)
    x, y = batch.pooled()
    gap = apart(mine, theirs, lambda net: THREE.loss(net(x), y))
    page.within(AREA, f"{make.__name__}: gradient of the loss", PEER, gap, TOLERANCE)
    assert theirs.features(x).shape == (len(x), WIDTH)
    assert {name.rpartition(".")[0] for name in theirs.parameters} == {"features.trainable", "head"}


def apart(mine: Network, theirs: Network, loss: Callable[[Network], Tensor]) -> float:
    """Return the difference of a loss's gradients in the two networks."""
    return difference(gradients(loss(mine), mine), gradients(loss(theirs), theirs))


def test_a_plain_functional_call_on_a_keras_model_has_no_gradient(page) -> None:
    _, model, shape = vectors()
    x = torch.randn(3, *shape)
    raw, adapted = (sensitivity(module, x) for module in (model, KerasBackbone(model)))
    assert all(not gradient.any() for gradient in raw)
    assert all(gradient.any() for gradient in adapted)
    page.finding(
        AREA,
        "`torch.func.functional_call` on a Keras model computes with the model's own weights, not with those it is given: the "
        "layers read Keras variables, which torch does not replace. All gradients are then zero, without an error. "
        "`medtl_bench.networks.keras.KerasBackbone` hands the weights over as Keras's own `stateless_call` does.",
    )


def test_keras_on_torch_computes_in_float32(page) -> None:
    x = torch.ones(2, 2, dtype=torch.float64)
    assert keras.ops.matmul(x, x).dtype == torch.float32
    page.finding(
        AREA,
        "On torch, Keras's type rules make float32 of float64 in every matrix product, with the dtype policy `float64` too. "
        f"The comparisons above are therefore in float32, and their tolerance {TOLERANCE:.0e}.",
    )


def test_convolutions_with_channels_last_fail_under_vmap(page) -> None:
    _, model, shape = images("channels_last")
    backbone = KerasBackbone(model)
    x = torch.randn(3, *shape[1:], shape[0])
    assert backbone(x).shape == (3, WIDTH)
    with pytest.raises(RuntimeError, match="memory_format"):
        vmap(backbone)(x[:, None])
    page.finding(
        AREA,
        'Keras convolutions with `data_format="channels_last"`, which is Keras\'s default, ask torch for a memory format that '
        "`vmap` does not know, so MAML and EWC's Fisher diagonal fail with them; `channels_first`, which is also the layout of "
        "the bench's images, works.",
    )


def sensitivity(module: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the gradients by parameters that `functional_call` hands to a module."""
    given = {name: value.detach() for name, value in module.named_parameters()}
    return list(
        grad(lambda theta: functional_call(module, theta, (x,)).square().sum())(given).values()
    )


@pytest.mark.parametrize("make", PROBLEMS)
def test_ewc_is_the_same(page, make: Make) -> None:
    mine, theirs, batch = pair(make)
    split = Split(*batch.pooled())
    methods = [EWC(THREE, generator("crosscheck keras ewc"), weight=2.0) for _ in range(2)]
    for method, net in zip(methods, (mine, theirs), strict=True):
        method.net = net
        method.consolidate([split])
    fishers = [method.fisher(split) for method in methods]
    assert all(value.any() for value in fishers[1].values())
    page.within(
        AREA,
        f"{make.__name__}: EWC's Fisher diagonal under vmap",
        PEER,
        difference(*fishers),
        TOLERANCE,
    )
    for method in methods:
        optimise(method.net, method.objective, iter([batch] * 3), Options(1e-2))
    penalties = [method.penalty(method.net).item() for method in methods]
    assert penalties[1] > 0
    what = f"{make.__name__}: EWC after 3 steps against its spring:"
    page.within(AREA, f"{what} penalty", PEER, abs(penalties[0] / penalties[1] - 1), TOLERANCE)
    weights = [
        {name: value.detach() for name, value in net.parameters.items()} for net in (mine, theirs)
    ]
    page.within(AREA, f"{what} weights", PEER, difference(*weights), TOLERANCE)


@pytest.mark.parametrize("make", PROBLEMS)
@pytest.mark.parametrize("first_order", [False, True], ids=["second-order", "first-order"])
def test_mamls_meta_gradient_is_the_same(page, make: Make, first_order: bool) -> None:
    mine, theirs, batch = pair(make)
    gaps = []
    for steps in (1, 5):
        method = MAML(
            THREE, generator("crosscheck keras maml"), inner_steps=steps, first_order=first_order
        )
        gaps.append(apart(mine, theirs, lambda net, method=method: method.objective(net, batch)))
    order = "first" if first_order else "second"
    what = f"{make.__name__}: MAML's meta-gradient under vmap, {order} order, 1 and 5 inner steps"
    page.within(AREA, what, PEER, max(gaps), TOLERANCE)


def test_stacked_networks_are_differentiated_as_one_by_one(page) -> None:
    _, net, batch = pair(vectors)
    x, y = batch.pooled()
    scales = torch.tensor([0.5, 1.0, 2.0])
    stacked = {
        name: value.detach() * scales.view(-1, *[1] * value.ndim)
        for name, value in net.parameters.items()
    }

    def slope(theta: Parameters) -> Parameters:
        return grad(lambda theta: THREE.loss(net.with_parameters(theta)(x), y))(theta)

    together = vmap(slope)(stacked)
    alone = [
        slope({name: value[number] for name, value in stacked.items()})
        for number in range(len(scales))
    ]
    gaps = [
        (
            (together[name] - torch.stack([one[name] for one in alone])).abs().max()
            / together[name].abs().max()
        )
        for name in stacked
    ]
    page.within(
        AREA,
        "vectors: gradients of 3 stacked networks under vmap",
        "one by one",
        float(max(gaps)),
        TOLERANCE,
    )


@pytest.mark.parametrize("training", [True, False])
def test_moving_statistics_and_frozen_weights_are_kept_as_keras_keeps_them(training: bool) -> None:
    frozen = keras.layers.Dense(5, trainable=False)
    model = keras.Sequential(
        [keras.Input((4,)), frozen, keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    backbone = KerasBackbone(model).train(training)
    before, weights = [buffer.clone() for buffer in backbone.buffers()], model.get_weights()
    x = 3 + torch.randn(20, 4)
    made = backbone(x)
    # the model never changes
    assert all((old == new).all() for old, new in zip(weights, model.get_weights(), strict=True))
    torch.testing.assert_close(made, model(x, training=training))
    for variable, held, old in zip(
        model.non_trainable_variables, backbone.buffers(), before, strict=True
    ):
        torch.testing.assert_close(held, variable.value.detach())
        assert bool((held != old).any()) == (training and "moving" in variable.path)
    assert len(list(backbone.parameters())) == 4  # of the normalisation and of the last layer


def test_a_copy_trains_apart_from_the_original() -> None:
    _, net, batch = pair(vectors)
    held = {name: value.detach().clone() for name, value in net.parameters.items()}
    other = Network(deepcopy(net.module))
    # one model calculates for both
    assert repr(other.module) == repr(net.module) != repr(pair(vectors)[1].module)
    optimise(
        other,
        lambda net, batch: THREE.loss(net(batch.pooled()[0]), batch.pooled()[1]),
        iter([batch]),
        Options(1e-2),
    )
    assert all((net.parameters[name] == value).all() for name, value in held.items())
    assert all((other.parameters[name] != value).any() for name, value in held.items())


def test_inputs_stay_on_their_device() -> None:
    _, net, batch = pair(vectors)
    with keras.device("meta"):  # on a machine with an accelerator, Keras's default is that
        assert net(batch.x[0]).device == batch.x.device


def documented() -> type[FineTune]:
    """Return the class in the docstring of the adapter."""
    _, found, code = (KerasBackbone.__doc__ or "").partition("        @dataclass\n")
    names = {**globals(), "scaling": scaling}
    exec(dedent(found + code.partition("\n\n")[0]), names)  # noqa: S102
    return names["KerasFineTune"]


def test_the_documented_method_passes_the_conformance_kit() -> None:
    cls = documented()
    cls.__doc__ = "Fine-tune a Keras model."
    subject = Subject("keras-fine-tune", "baseline", lambda: cls)
    subject.__dict__["cases"] = [
        case for case in cases() if case.name in {"tiny vectors", "tiny values", "tiny new classes"}
    ]
    learner = subject.fit(subject.cases[0])
    assert isinstance(learner.net.module["features"][-1], KerasBackbone)
    found = list(checks(subject))
    assert len(found) > 10
    assert [check.problem() for check in found] == [None] * len(found)
