"""Backbones: scaling of inputs, kinds of sequences, blocks."""

import copy

import pytest
import torch
from torch import nn

from medtl_bench.networks import backbones
from medtl_bench.networks.backbones import Residual, UNet, tokens
from medtl_bench.networks.scaling import Standardise, scaling


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def letters(rows: int, channels: int, length: int) -> torch.Tensor:
    """Return one-hot sequences [rows, channels, length]."""
    return nn.functional.one_hot(numbers(rows, length, channels), channels).transpose(1, 2).float()


def numbers(rows: int, length: int, most: int) -> torch.Tensor:
    return torch.randint(most, (rows, length), generator=torch.Generator().manual_seed(length))


def test_columns_are_scaled_to_mean_zero_and_deviation_one():
    x = random(50, 3) * torch.tensor([1.0, 100, 0.01]) + torch.tensor([5.0, -3, 0])
    scaled = Standardise(x)(x)
    assert torch.allclose(scaled.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(scaled.std(0, correction=0), torch.ones(3), atol=1e-4)


def test_channels_are_scaled_over_rows_and_pixels():
    x = random(20, 2, 4, 4) * 7 + 3
    scaled = Standardise(x)(x)
    assert torch.allclose(scaled.mean((0, 2, 3)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(scaled.std((0, 2, 3), correction=0), torch.ones(2), atol=1e-5)


def test_indicators_and_constants_do_not_become_huge():
    x = torch.stack(
        [torch.arange(100) == 0, torch.ones(100), torch.full((100,), 37.5), torch.arange(100.0)], 1
    ).float()
    scale = Standardise(x)
    assert torch.equal(scale(x)[:, :2], x[:, :2])
    assert torch.equal(scale(x)[:, 2], torch.zeros(100))
    assert scale(torch.tensor([[1.0, 0.0, 38.5, 0.0]])).abs().max() < 3


@pytest.mark.parametrize("rows", [3, 10, 1200, 60_000])
@pytest.mark.parametrize("value", [37.2, 0.1, -98.6, 1e-9, 1e6 + 0.3, 1e30])
def test_a_column_that_is_constant_in_the_sources_does_not_blow_up_in_a_target(value, rows):
    scale = Standardise(torch.full((rows, 2), value))
    assert not scale(torch.full((1, 2), value)).any()
    near = value + 0.005 * max(1.0, abs(value))
    assert scale(torch.full((1, 2), near)).abs().max() < 1


def test_constant_columns_are_as_far_from_others_as_those_shifted_to_zero():
    target = random(40, 1)
    shifted = Standardise(torch.full((700, 1), 36.6))(target + 36.6)
    assert torch.allclose(shifted, Standardise(torch.zeros(700, 1))(target), atol=1e-5)


def test_what_float32_rounds_differently_does_not_vary():
    x = torch.full((500, 1), 98.6)
    x[::3] = torch.nextafter(x[::3], torch.tensor(200.0))
    assert Standardise(x)(torch.tensor([[99.1]])).abs().max() < 1


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-9, 1.0, 1e9, 1e20, 1e30])
@pytest.mark.parametrize("mean", [0.0, 1.0, 3e4])
def test_columns_of_any_magnitude_are_scaled(scale, mean):
    x = (random(2000, 2).double() + mean) * scale
    x = x.float()
    scaled = Standardise(x)(x).double()
    assert scaled.isfinite().all()
    assert scaled.mean(0).abs().max() < 0.01
    assert (scaled.std(0, correction=0) - 1).abs().max() < 0.01


def test_channels_of_images_and_sequences_are_scaled_at_any_magnitude():
    for shape in ((30, 3, 20), (30, 3, 5, 4)):
        over = [axis for axis in range(len(shape)) if axis != 1]
        offset = torch.tensor([1e6, 98.6, 0.0]).view(3, *[1] * (len(shape) - 2))
        size = torch.tensor([30.0, 0.0, 1e-9]).view(offset.shape)
        x = random(*shape) * size + offset
        scaled = Standardise(x)(x)
        expected = torch.tensor([1.0, 0.0, 1.0])
        assert torch.allclose(scaled.std(over, correction=0), expected, atol=0.01)
        assert scaled.mean(over).abs().max() < 0.01


def test_one_hot_channels_pass_as_they_are_and_other_channels_of_a_sequence_are_scaled():
    signal = random(20, 1, 30) * 7 + 3
    x = torch.cat([letters(20, 4, 30), signal], 1)
    scaled = Standardise(x)(x)
    assert torch.equal(scaled[:, :4], x[:, :4])
    assert float(scaled[:, 4].mean()) == pytest.approx(0, abs=1e-5)
    assert float(scaled[:, 4].std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert isinstance(scaling(x[:, :4]), nn.Identity)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (numbers(6, 30, 25)[:, None].float(), True),
        (numbers(6, 30, 2)[:, None].float(), False),  # one channel of marks
        (numbers(6, 30, 300)[:, None].float(), False),  # a measured signal
        (random(6, 1, 30), False),
        (letters(6, 4, 30) * 2, False),
    ],
)
def test_token_numbers_are_told_from_signals(x, expected):
    assert tokens(x) is expected


def test_a_residual_block_passes_its_input_on():
    block, x = Residual(8), random(2, 8, 4, 4)
    assert torch.allclose(block(x), (x + block.change(x)).relu())
    nn.init.zeros_(block.change[2].weight)
    assert torch.equal(block(x), x.relu())


@pytest.mark.parametrize("patches", [False, True])
def test_a_unet_answers_the_same_however_its_maps_lie_in_memory(monkeypatch, patches):
    torch.manual_seed(0)
    ours = UNet(3, 32, patches=patches)
    plain = copy.deepcopy(ours)
    x, y = random(4, 3, 16, 16), numbers(4, 16 * 16, 2).view(4, 16, 16)

    def trained(net: UNet) -> torch.Tensor:
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(5):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x)[:, :2], y).backward()
            optimiser.step()
        return net(x).detach()

    with monkeypatch.context() as patch:
        patch.setattr(backbones, "_by_pixel", lambda maps: maps)
        expected = trained(plain)
    torch.testing.assert_close(trained(ours), expected, rtol=1e-4, atol=1e-4)
