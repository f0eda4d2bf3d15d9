"""A network is a function of its parameters, for every kind of input."""

import copy

import pytest
import torch
from tensordict import TensorDict
from torch import nn
from torch.func import grad, stack_module_state, vmap

from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.networks.build import build, patch, pooled
from medtl_bench.networks.network import Network

TWO = Task("classification", ("no", "yes"))
MASKS = Task("segmentation", ("background", "blob", "edge"))
VALUE = Task("regression")
WIDTH = 32


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def both(rows: int) -> TensorDict:
    return TensorDict(
        {"record": random(rows, 5), "image": random(rows, 2, 8, 8)}, batch_size=[rows]
    )


def letters(rows: int, channels: int, length: int) -> torch.Tensor:
    """Return one-hot sequences [rows, channels, length]."""
    return nn.functional.one_hot(numbers(rows, length, channels), channels).transpose(1, 2).float()


def numbers(rows: int, length: int, most: int) -> torch.Tensor:
    return torch.randint(most, (rows, length), generator=torch.Generator().manual_seed(length))


def drug_and_protein(rows: int) -> TensorDict:
    bits = (random(rows, 64) > 1).float()
    return TensorDict({"drug": bits, "protein": letters(rows, 20, 150)}, batch_size=[rows])


CASES = {
    "vectors": (TWO, random(6, 5), (6, 2)),
    "images": (TWO, random(6, 1, 8, 8), (6, 2)),
    "masks": (MASKS, random(6, 2, 8, 12), (6, 3, 8, 12)),
    "large images": (TWO, random(6, 1, 32, 40), (6, 2)),
    "large masks": (MASKS, random(6, 2, 32, 40), (6, 3, 32, 40)),
    "values": (VALUE, random(6, 5), (6,)),
    "two parts": (TWO, both(6), (6, 2)),
    "values of two parts": (VALUE, both(6), (6,)),
    "one-hot sequences": (TWO, letters(6, 4, 41), (6, 2)),
    "short sequences": (TWO, letters(6, 4, 1), (6, 2)),
    "long sequences": (VALUE, random(6, 3, 701), (6,)),
    "tokens": (TWO, numbers(6, 30, 25)[:, None].float(), (6, 2)),
    "drug and protein": (VALUE, drug_and_protein(6), (6,)),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_a_network_answers_in_the_shape_of_the_task(case):
    task, x, shape = case
    net = build(x, task, WIDTH)
    assert net(x).shape == shape
    assert net(x[:1]).shape == (1, *shape[1:])
    assert pooled(net.features(x)).shape == (6, WIDTH)


def test_called_with_its_own_parameters_a_network_answers_as_its_module_does(case):
    task, x, _ = case
    net = build(x, task, WIDTH)
    direct = net.module["head"](net.module["features"](x))
    assert torch.equal(net(x), direct)
    assert torch.equal(net.with_parameters(net.parameters)(x), direct)


def test_with_other_parameters_it_answers_as_a_network_that_has_them(case):
    task, x, _ = case
    net, other = build(x, task, WIDTH), build(x, task, WIDTH)
    assert not torch.equal(net(x), other(x))
    assert torch.allclose(net.with_parameters(other.parameters)(x), other(x), atol=1e-6)
    assert not torch.equal(net(x), other(x))


def test_a_gradient_flows_to_the_parameters_it_is_called_with(case):
    task, x, _ = case
    net = build(x, task, WIDTH)
    theta = {name: p.detach().clone().requires_grad_() for name, p in net.parameters.items()}
    net.with_parameters(theta)(x).square().sum().backward()
    net(x).square().sum().backward()
    for name, own in net.module.named_parameters():
        assert own.grad is not None, name
        assert torch.allclose(theta[name].grad, own.grad, atol=1e-4, rtol=1e-4), name


def test_a_step_can_be_differentiated_through(case):
    task, x, _ = case
    net = build(x, task, WIDTH)

    def after_a_step(theta):
        def loss(inner):
            return net.with_parameters(inner)(x).square().mean()

        step = {name: theta[name] - 0.1 * g for name, g in grad(loss)(theta).items()}
        return loss(step)

    second = grad(after_a_step)(net.parameters)
    assert set(second) == set(net.parameters)
    assert any(g.abs().max() > 0 for g in second.values())


def test_several_seeds_can_be_stacked_into_one_program(case):
    task, x, _ = case
    nets = [build(x, task, WIDTH) for _ in range(3)]
    stacked, _ = stack_module_state([net.module for net in nets])
    together = vmap(lambda theta: nets[0].with_parameters(theta)(x))(stacked)
    for net, outputs in zip(nets, together, strict=True):
        assert torch.allclose(outputs, net(x), atol=1e-5)


def test_further_parts_are_called_by_name_and_have_parameters():
    x = random(6, 5)
    net = build(x, TWO, WIDTH, {"critic": nn.Linear(WIDTH, 1)})
    z = net.features(x)
    assert net.critic(z).shape == (6, 1)
    zeros = {
        name: torch.zeros_like(p) if name.startswith("critic.") else p
        for name, p in net.parameters.items()
    }
    assert not net.with_parameters(zeros).critic(z).any()
    assert torch.equal(net.with_parameters(zeros)(x), net(x))


def test_parameters_that_are_not_given_are_the_modules_own():
    x = random(6, 5)
    net = build(x, TWO, WIDTH)
    headless = {
        name: torch.zeros_like(p) for name, p in net.parameters.items() if name.startswith("head.")
    }
    changed = net.with_parameters(headless)
    assert not changed(x).any()
    assert torch.equal(changed.features(x), net.features(x))
    assert set(changed.parameters) == set(net.parameters)


def test_an_unknown_part_is_an_attribute_error():
    net = build(random(6, 5), TWO, WIDTH)
    with pytest.raises(AttributeError, match="no part named 'critic'"):
        net.critic(torch.zeros(1))


def test_a_copy_of_a_network_is_its_own():
    x = random(6, 5)
    net = build(x, TWO, WIDTH)
    twin = copy.deepcopy(net)
    assert torch.equal(twin(x), net(x))
    with torch.no_grad():
        twin.module["head"].bias += 1
    assert not torch.equal(twin(x), net(x))
    assert isinstance(twin, Network)


class Borrowing(nn.Linear):
    """Calculates with a table that all copies share, as it says itself."""

    def __init__(self, table: list[float]) -> None:
        super().__init__(WIDTH, 1)
        self.table = table

    def __deepcopy__(self, memo):
        twin = Borrowing(self.table)
        twin.load_state_dict(self.state_dict())
        return twin


def test_a_part_that_says_how_it_is_copied_is_asked():
    part = nn.Sequential(Borrowing([1.0]))
    net = build(random(6, 5), TWO, WIDTH, {"part": part, "same": part})
    twin = copy.deepcopy(net)
    theirs = twin.module["part"][0]
    assert theirs.table is part[0].table
    assert twin.module["same"][0] is theirs
    assert theirs.weight is not part[0].weight
    assert torch.equal(theirs.weight, part[0].weight)


class Latest(nn.Module):
    """Sets its buffer anew in each call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("latest", torch.zeros(()))

    def forward(self, z):
        self.latest = z.sum().detach()
        return z


def test_a_buffer_that_is_set_anew_is_that_which_the_network_was_called_with():
    net = build(random(6, 5), TWO, WIDTH, {"kept": Latest()})
    given = torch.zeros(())
    net.with_parameters({}, {"kept.latest": given}).kept(torch.ones(3))
    assert (float(given), float(net.buffers["kept.latest"])) == (3.0, 0.0)
    net.kept(torch.ones(2))
    assert float(net.buffers["kept.latest"]) == 2.0


def test_a_token_number_that_no_source_has_is_still_answered():
    x = numbers(6, 30, 25)[:, None].float()
    assert build(x, TWO, WIDTH)(torch.full((1, 1, 30), 400.0)).isfinite().all()


def test_a_sequence_network_knows_where_in_the_sequence_a_letter_stands():
    torch.manual_seed(0)
    x = torch.zeros(2, 4, 41)
    x[:, 0] = 1
    for row, place in enumerate((8, 32)):
        x[row, :, place] = torch.tensor([0.0, 1, 0, 0])
    one, other = build(x, TWO, WIDTH).features(x)
    assert (one - other).abs().max() > 1e-3


def test_the_scaling_is_no_parameter():
    assert not [
        name
        for name, _ in build(random(6, 5), TWO, WIDTH).module.named_parameters()
        if "deviation" in name
    ]


@pytest.mark.parametrize("side", [1, 7, 8, 28])
def test_images_of_any_size_have_a_backbone(side):
    x = random(3, 3, side, side)
    assert build(x, TWO, WIDTH)(x).isfinite().all()


SIDES = [(45, 45), (30, 50), (33, 64), (64, 33), (28, 31), (7, 7), (3, 5), (1, 1), (1, 40)]


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("sides", SIDES)
def test_images_of_any_sides_have_classes_and_masks(sides, channels):
    x = random(3, channels, *sides)
    assert build(x, TWO, WIDTH)(x).shape == (3, 2)
    net = build(x, MASKS, WIDTH)
    assert net(x).shape == (3, 3, *sides)
    assert net(x).isfinite().all()
    assert pooled(net.features(x)).shape == (3, WIDTH)


@pytest.mark.parametrize("task", [TWO, MASKS])
def test_networks_of_images_of_odd_sides_can_be_stacked(task):
    x = random(4, 1, 33, 37)
    nets = [build(x, task, WIDTH) for _ in range(2)]
    stacked, _ = stack_module_state([net.module for net in nets])

    def gradient(theta):
        return grad(lambda inner: nets[0].with_parameters(inner)(x).square().mean())(theta)

    together = vmap(gradient)(stacked)
    for number, net in enumerate(nets):
        for name, alone in gradient(net.parameters).items():
            assert torch.allclose(together[name][number], alone, atol=1e-5), name


def test_a_mask_lies_where_its_image_does_though_that_was_padded():
    torch.manual_seed(0)
    x = random(2, 1, 37, 45)
    net, moved = build(x, MASKS, WIDTH), x.clone()
    moved[0, 0, 35, 43] += 5
    change = (net(moved) - net(x)).abs().sum(1)
    assert change[0, 34:36, 42:44].min() > 5 * change[0, :10, :10].max()


@pytest.mark.parametrize("sides", [(8, 12), (32, 40)])
def test_images_that_fit_are_not_padded(sides):
    module = build(random(3, 2, *sides), MASKS, WIDTH).module
    assert not [part for part in module.modules() if isinstance(part, nn.ZeroPad2d)]


def test_inputs_without_a_backbone_are_told():
    with pytest.raises(MedTLError, match=r"images, but x has the shape \[1, 5, 3, 2\] in a row"):
        build(random(6, 1, 5, 3, 2), TWO, WIDTH)
    parts = TensorDict({"record": random(6, 5), "scan": random(6, 1, 5, 3, 2)}, batch_size=[6])
    with pytest.raises(MedTLError, match="but scan has the shape"):
        build(parts, TWO, WIDTH)


def test_large_images_are_taken_as_patches_and_masks_are_put_together_again():
    assert (patch(random(1, 1, 31, 64)), patch(random(1, 1, 32, 64))) == (1, 2)
    x = random(2, 1, 32, 32)
    torch.manual_seed(0)  # of the weights: with a few of them the two places differ by less
    net = build(x, MASKS, WIDTH)
    assert net.features(x).shape == (2, WIDTH, 16, 16)
    moved = x.clone()
    # what changes is this pixel's neighbourhood, not a mirrored or transposed one
    moved[0, 0, 9, 20] += 5
    change = (net(moved) - net(x)).abs().sum(1)
    assert change[1].max() == 0
    assert change[0, 8:10, 20:22].min() > 5 * change[0, 20:22, 8:10].max()
