"""Optimisers beside torch's, and beside themselves one learner at a time."""

import torch

SHAPES = ((3, 4), (4,), ())


def drawn(source: torch.Generator, first=()) -> list[torch.Tensor]:
    return [torch.randn((*first, *shape), generator=source) for shape in SHAPES]


def twins() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the same parameters for an optimiser of ours and for one of torch's."""
    ours = drawn(torch.Generator().manual_seed(0))
    return ours, [value.clone().requires_grad_() for value in ours]


def follow(mine, other, scale: float = 1.0, steps: int = 20) -> None:
    """Let both optimisers take the same steps; ours at a scale of its rate."""
    source = torch.Generator().manual_seed(1)
    for _ in range(steps):
        gradients = drawn(source)
        mine.step(gradients, scale)
        for value, gradient in zip(other.param_groups[0]["params"], gradients, strict=True):
            value.grad = gradient
        other.step()


def same_as_apart(make, scale: float = 0.5, **numbers) -> None:
    """Assert that learners with numbers of their own move together as each does by itself."""
    source = torch.Generator().manual_seed(2)
    learners = len(next(iter(numbers.values())))
    stack, gradients = drawn(source, (learners,)), [drawn(source, (learners,)) for _ in range(5)]
    apart = [[value[n].clone() for value in stack] for n in range(learners)]
    together = make(stack, **{name: torch.tensor(each) for name, each in numbers.items()})
    alone = [
        make(own, **{name: each[n] for name, each in numbers.items()})
        for n, own in enumerate(apart)
    ]
    for step in gradients:
        together.step(step, scale)
        for n, optimiser in enumerate(alone):
            optimiser.step([gradient[n] for gradient in step], scale)
    for n, own in enumerate(apart):
        torch.testing.assert_close([value[n] for value in stack], own)
