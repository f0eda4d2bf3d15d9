"""Training image networks, alone and as a run stacks them, against bare loops and MONAI's U-Net."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from medtl_baselines.finetune import FineTune
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from medtl_bench import cooperative
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.networks.build import build
from medtl_bench.randomness import generator
from medtl_bench.training.stacked import MOST, Stacker

pytestmark = pytest.mark.slow
SIDE, WIDTH = 32, 64
TASKS = {
    "U-Net": Task("segmentation", ("background", "nucleus")),
    "classifying network": Task("classification", ("healthy", "lesion")),
}
PRODUCTS = ("aten::bmm", "aten::mm", "aten::addmm", "aten::baddbmm")
CONVOLUTIONS = ("aten::mkldnn_convolution", "aten::convolution_backward")
HEAD = "| training | convolutions and matrix products |\n|:---|---:|\n"
ABOUT = (
    "Shares of the time of torch's kernels, by its profiler. What is left is normalisation, "
    "activations, and moving maps about: none of it is shared by stacking."
)


@dataclass(frozen=True)
class Work:
    """Trainings of a network for so many steps of so many images of 32 x 32 pixels."""

    network: str
    images: int
    steps: int

    @property
    def what(self) -> str:
        """How the page calls it."""
        size = f"{self.images} images of {SIDE} x {SIDE}"
        return f"{self.network}, {self.steps} steps of {size}"

    def rows(self) -> tuple[Tensor, Tensor]:
        """Return images and labels that they tell nothing of."""
        draw, task = generator("speed images"), TASKS[self.network]
        shape = (self.images, SIDE, SIDE) if task.kind == "segmentation" else (self.images,)
        x = torch.rand(self.images, 1, SIDE, SIDE, generator=draw)
        return x, torch.randint(2, shape, generator=draw)

    def ours(self, learners: int) -> Stacker:
        """Train so many learners as a run does; return what tells how."""
        x, y = self.rows()

        def fit(seed: int) -> None:
            own = {"steps": self.steps, "batch_size": self.images, "width": WIDTH}
            own["sampling"] = "natural"
            learner = FineTune(TASKS[self.network], generator("speed images", seed), **own)
            learner.fit([Split(x, y)], x)

        stacker = Stacker()
        for task in cooperative.run([partial(fit, n) for n in range(learners)], stacker, MOST):
            task.result()
        return stacker

    def bare(self, make: Callable[[Tensor], nn.Module] | None = None) -> None:
        """Train one network as a loop of torch does; by default one like ours."""
        x, y = self.rows()
        net = make(x) if make else self.like_ours(x)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        for _ in range(self.steps):
            rows = torch.randperm(len(x))
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()

    def like_ours(self, x: Tensor) -> nn.Module:
        """Return the network of the bench as a plain module."""
        parts = build(x, TASKS[self.network], WIDTH).module
        return nn.Sequential(parts["features"], parts["head"])


MASKS, CLASSES = Work("U-Net", 64, 20), Work("classifying network", 96, 40)
FEW_MASKS, FEW_CLASSES = Work("U-Net", 2, 50), Work("classifying network", 4, 50)


@pytest.mark.parametrize("threads", [1], indirect=True)
@pytest.mark.parametrize("work", [MASKS, CLASSES, FEW_MASKS, FEW_CLASSES], ids=lambda w: w.what)
def test_one_training_against_a_bare_loop(speed, side_by_side, threads: int, work: Work) -> None:
    found = side_by_side(partial(work.ours, 1), work.bare, pairs=3, bar=0.85)
    speed.faster(f"{work.what}: one by itself", "a bare PyTorch loop", threads, found, 0.85)


@pytest.mark.parametrize("threads", [1], indirect=True)
@pytest.mark.parametrize(
    ("work", "learners", "bar"),
    [(MASKS, 3, 0.85), (CLASSES, 3, 0.85), (FEW_MASKS, 10, 1.2), (FEW_CLASSES, 10, 1.5)],
    ids=lambda value: getattr(value, "what", None),
)
def test_several_trainings_as_a_run_does_them(
    speed, side_by_side, threads: int, work: Work, learners: int, bar: float
) -> None:
    ours = partial(work.ours, learners)
    found = side_by_side(ours, work.bare, pairs=3, bar=bar, part=1 / learners)
    how = "one by one, as a run does where steps are large" if ours().alone else "as one program"
    what = f"{work.what}: {learners} trainings {how}"
    speed.faster(what, "a bare PyTorch loop", threads, found, bar)


def monai_unet(x: Tensor) -> nn.Module:
    """Return a U-Net of MONAI as wide as ours, on images like `x`.

    It takes patches of 2 x 2, halves twice and normalises groups as ours does, but has no wide map
    before its answers, and so less arithmetic.
    """
    nets = pytest.importorskip("monai.networks.nets")
    net = nets.UNet(
        spatial_dims=2,
        in_channels=4 * x.shape[1],
        out_channels=8,
        channels=(WIDTH // 4, WIDTH // 4, WIDTH // 4, WIDTH // 2),
        strides=(1, 2, 2),
        norm=("GROUP", {"num_groups": 4}),
        act="RELU",
    )
    return nn.Sequential(nn.PixelUnshuffle(2), net, nn.PixelShuffle(2))


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_a_unet_against_that_of_monai(speed, side_by_side, threads: int) -> None:
    pytest.importorskip("monai")
    theirs = partial(MASKS.bare, monai_unet)
    found = side_by_side(partial(MASKS.ours, 1), theirs, pairs=3, bar=0.4)
    what = f"{MASKS.what}: one by itself, against a U-Net of equal width in a bare PyTorch loop"
    speed.faster(what, "monai", threads, found, 0.4)


def share(work: Callable[[], object]) -> float:
    """Return the share of the time of torch's kernels that is in products and convolutions."""
    work()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        work()
    kernels = {
        event.key: event.self_cpu_time_total
        for event in found.key_averages()
        if event.key.startswith("aten::")
    }
    return sum(kernels.get(name, 0.0) for name in PRODUCTS + CONVOLUTIONS) / sum(kernels.values())


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_the_share_of_arithmetic_in_image_networks(speed, threads: int) -> None:
    works = {
        f"{MASKS.what}, one by itself": partial(MASKS.ours, 1),
        f"{CLASSES.what}, one by itself": partial(CLASSES.ours, 1),
        f"{FEW_MASKS.what}, 10 as one program": partial(FEW_MASKS.ours, 10),
        f"{FEW_CLASSES.what}, 10 as one program": partial(FEW_CLASSES.ours, 10),
    }
    shares = {name: share(work) for name, work in works.items()}
    assert all(0 < found < 1 for found in shares.values())
    rows = "\n".join(f"| {name} | {found:.0%} |" for name, found in shares.items())
    print(f"\n{rows}")
    speed.sections.append(("The share of arithmetic in image networks", f"{ABOUT}\n\n{HEAD}{rows}"))


@pytest.mark.parametrize("threads", [1], indirect=True)
@pytest.mark.parametrize("network", TASKS)
def test_what_is_stacked_is_not_slower_than_one_by_one(
    speed, side_by_side, threads: int, network: str
) -> None:
    """The largest step that is stacked, at ten learners, with what recording it costs."""
    images = max(n for n in (1, 2, 4, 8, 16, 32) if not Work(network, n, 1).ours(2).alone)
    work, learners = Work(network, images, 50), 10

    def alone() -> None:
        for _ in range(learners):
            work.ours(1)

    found = side_by_side(partial(work.ours, learners), alone, pairs=3, bar=1.0)
    what = f"{work.what}, the most that is stacked: {learners} trainings as one program"
    speed.faster(what, "the same one by one", threads, found, 1.0)
