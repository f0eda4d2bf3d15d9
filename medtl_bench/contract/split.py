"""Rows of data: inputs, a Split of them, and a Domain in three splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

import torch
from torch import Tensor

from medtl_bench.errors import DataError

# takes longer to import than torch, and only datasets with inputs of several parts need it
if TYPE_CHECKING:
    from tensordict import TensorDict

    Inputs: TypeAlias = Tensor | TensorDict
else:
    Inputs = Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """Some rows of a domain.

    `x`: float32 inputs [n, ...], or a TensorDict of such parts with batch size [n]. `y`:
    int64 classes [n] (classification) or [n, height, width] (segmentation), float32
    values [n] (regression), zeros [n] (integration). `groups`: int64 [n], what must not
    be torn apart by a split (a patient, a scaffold, a slide), or None. `marked`: bool
    [n], rows that are also scored apart, or None; no learner is shown it.
    """

    x: Inputs
    y: Tensor
    groups: Tensor | None = None
    marked: Tensor | None = None

    def __post_init__(self) -> None:
        """Raise DataError when a part is no tensor of rows, or when the parts differ in length."""
        for name, part in (("x", self.x), ("y", self.y), *self.of_rows().items()):
            if not (
                part is None
                or isinstance(part, Tensor)
                or (name == "x" and hasattr(part, "batch_size"))
            ):
                raise DataError(
                    f"A split is made of torch tensors, but {name} is a {type(part).__name__}."
                )
            if part is not None and not part.ndim:
                raise DataError(f"A split is made of rows, but {name} has no rows to count.")
        lengths = {
            "x": self.x.shape[0],
            "y": self.y.shape[0],
            **{name: part.shape[0] for name, part in self.of_rows().items()},
        }
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise DataError(f"The parts of a split must have the same number of rows, but {told}.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.y.shape[0])

    def __getitem__(self, rows: Tensor) -> "Split":
        """Return the rows that an index or a mask [n] picks."""
        return Split(
            self.x[rows],
            self.y[rows],
            **{name: part[rows] for name, part in self.of_rows().items()},
        )

    def of_rows(self) -> dict[str, Tensor]:
        """Return what is known of the rows beside x and y."""
        known = {"groups": self.groups, "marked": self.marked}
        return {name: part for name, part in known.items() if part is not None}

    def unmarked(self) -> "Split":
        """Return the split without its marks, as learners are handed it."""
        return self if self.marked is None else Split(self.x, self.y, self.groups)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: a split never changes, and learners that keep their data are copied before each `adapt`."""
        return self


def concatenate(splits: Sequence[Split]) -> Split:
    """Return one split with the rows of all, in order, without groups, whose numbers mean nothing across domains, or marks."""
    return Split(torch.cat([s.x for s in splits]), torch.cat([s.y for s in splits]))


@dataclass(frozen=True, eq=False)
class Domain:
    """One hospital, scanner, assay, species or task, in three splits; `val` may be empty."""

    name: str
    train: Split
    val: Split
    test: Split

    def splits(self) -> dict[str, Split]:
        """Return the splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def parts(x: Inputs) -> dict[str, Tensor]:
    """Return the tensors that inputs are made of, by name; a plain tensor is the one part `x`."""
    return {"x": x} if isinstance(x, Tensor) else {str(name): x[name] for name in sorted(x.keys())}
