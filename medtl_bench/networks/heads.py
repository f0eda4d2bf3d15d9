"""Heads of several domains on one backbone, as one part of a network."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from medtl_bench.errors import MedTLError

Named = dict[str, Tensor]  # parameters of one head


class Heads(nn.Module):
    """Heads of equal shape, of which each block of rows passes its own.

    `each`: a head whose parameters have a first axis for the domains.
    """

    def __init__(self, head: nn.Module, parameters: Sequence[Named]) -> None:
        """Join parameters of a head, one set a domain; what it does is that of `head`."""
        super().__init__()
        self.each = copy.deepcopy(head)
        for path, owner in self.each.named_modules():
            for name, own in owner.named_parameters(path, recurse=False):
                joined = torch.stack([one[name] for one in parameters])
                parameter = nn.Parameter(joined, own.requires_grad)
                setattr(owner, name.rpartition(".")[2], parameter)

    def forward(self, z: Tensor, domains: Tensor, rows: int) -> Tensor:
        """Return scores [n, ...] of features z [n, ...], where n = views * blocks * rows.

        `domains`: by number, of which each block of so many rows is [blocks]. 0 `rows`:
        all that there are. Raises MedTLError where z is of other rows.
        """
        shape = len(domains), rows or len(z)
        if len(z) % (shape[0] * shape[1]):
            raise MedTLError(
                f"The head was handed {len(z)} rows in a step of {shape[0]} sources with "
                f"{shape[1]} rows each: where each domain has a head of its own, it takes "
                "the labelled rows of a step, or several views of all of them."
            )
        views = z.unflatten(0, (-1, *shape))
        outputs = self._of_blocks(views.transpose(0, 1).flatten(1, 2), domains)
        blocks: Tensor = outputs.unflatten(1, (-1, shape[1]))
        return blocks.transpose(0, 1).flatten(0, 2)

    def _of_blocks(self, z: Tensor, domains: Tensor) -> Tensor:
        """Return scores [blocks, n, ...] of features [blocks, n, ...]."""

        def scores(parameters: Named, z: Tensor) -> Tensor:
            output: Tensor = functional_call(self.each, parameters, (z,))
            return output

        named = self.each.named_parameters()
        own = {name: value.index_select(0, domains) for name, value in named}
        if type(self.each) is nn.Linear and "bias" in own:  # the same, in half the time
            return torch.baddbmm(own["bias"][:, None], z, own["weight"].mT)
        blocks: Tensor = vmap(scores, randomness="different")(own, z)
        return blocks

    def apart(self) -> list[Named]:
        """Return the parameters of the head of each domain, as copies."""
        names, joined = zip(*self.each.named_parameters(), strict=True)
        heads = zip(*(value.detach().clone() for value in joined), strict=True)
        return [dict(zip(names, values, strict=True)) for values in heads]
