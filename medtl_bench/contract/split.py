"""Rows of data: inputs, a Split of them, and a Domain in three splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import torch
from torch import Tensor

from medtl_bench.contract.names import text
from medtl_bench.errors import DataError

# takes longer to import than torch, and only datasets with inputs of several parts need
# it
if TYPE_CHECKING:
    from tensordict import TensorDict

    Inputs: TypeAlias = Tensor | TensorDict
else:
    Inputs = Tensor


LONGEST = 8  # bytes of a number
ATTRIBUTE = "attribute "  # before the name of one, among what is known of rows


@dataclass(frozen=True, eq=False)
class Split:
    """Some rows of a domain.

    `x`: float32 inputs [n, ...], or a TensorDict of such parts with batch size [n].
    `y`: int64 classes [n] (classification) or [n, height, width] (segmentation),
    float32 values [n] (regression), zeros [n] (integration). `groups`: int64 [n], what
    must not be torn apart by a split (a patient, a scaffold, a slide), or None.
    `marked`: bool [n], rows that are also scored apart, or None. `attributes`: bool [n]
    by name, as "sex = female", groups of patients that scores are also told by. No
    learner is shown the last two. `validation`: of a source in `fit`, further rows of its
    domain to end a training by, and for nothing else; None where there are none, or no
    parameter asks for them. `domain`: the name of the one whose rows these are, which a
    Domain gives its splits. What comes in another order of memory, as tables of pandas
    do, is copied into that of rows, and an array of numpy becomes a tensor.
    """

    x: Inputs
    y: Tensor
    groups: Tensor | None = None
    marked: Tensor | None = None
    attributes: Mapping[str, Tensor] = field(default_factory=dict, kw_only=True)
    validation: "Split | None" = field(default=None, kw_only=True)
    domain: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Raise DataError when a part is no tensor of rows, or when the parts differ in length."""
        members = {"x": self.x, "y": self.y, **self.of_rows()}
        members = {name: _tensor(name, member) for name, member in members.items()}
        for name, member in members.items():
            _check_rows(name, member)
        lengths = {name: member.shape[0] for name, member in members.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} has {rows}" for name, rows in lengths.items())
            rule = "The parts of a split must have the same number of rows"
            raise DataError(f"{rule}, but {counts}.")
        ordered = {name: _in_order_of_rows(member) for name, member in members.items()}
        for name, member in _fields(ordered).items():
            object.__setattr__(self, name, member)

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.y.shape[0])

    def __getitem__(self, rows: Tensor) -> "Split":
        """Return the rows that an index or a mask [n] picks."""
        beside = {name: tensor[rows] for name, tensor in self.of_rows().items()}
        return Split(self.x[rows], self.y[rows], domain=self.domain, **_fields(beside))

    def of_rows(self) -> dict[str, Tensor]:
        """Return what is known of the rows beside x and y."""
        beside = {"groups": self.groups, "marked": self.marked}
        told = {name: tensor for name, tensor in beside.items() if tensor is not None}
        return told | {ATTRIBUTE + name: mask for name, mask in self.attributes.items()}

    def unmarked(self) -> "Split":
        """Return the split without marks and attributes, as learners are handed it."""
        bare = self.marked is None and not self.attributes
        return self if bare else Split(self.x, self.y, self.groups, domain=self.domain)

    @classmethod
    def made(cls, x: Inputs, y: Tensor, of_rows: Mapping[str, Tensor]) -> "Split":
        """Return the split of inputs, labels and what `of_rows` tells of its rows."""
        return cls(x, y, **_fields(of_rows))

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself, for a split never changes.

        Learners that keep their data are copied before each `adapt`.
        """
        return self


def _fields(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members by their fields, attributes together."""
    fields = {name: member for name, member in members.items() if not name.startswith(ATTRIBUTE)}
    attributes = {name: member for name, member in members.items() if name.startswith(ATTRIBUTE)}
    named = {name.removeprefix(ATTRIBUTE): mask for name, mask in attributes.items()}
    return {**fields, "attributes": named}


def _tensor(name: str, member: Any) -> Any:  # noqa: ANN401
    """Return an array of numbers as a tensor, whatever its byte order, and others as they are."""
    if not isinstance(member, np.ndarray):
        return member
    if isinstance(member, np.ma.MaskedArray) and np.ma.is_masked(member):
        raise DataError(f"A split has no masked values, but {name} has: fill them in.")
    if member.dtype.kind not in "biuf" or member.dtype.itemsize > LONGEST:
        raise DataError(
            f"A split is made of numbers, but {name} is an array of {member.dtype}: number what "
            "are names, as by numpy.unique(names, return_inverse=True)[1]."
        )
    return torch.from_numpy(np.array(member, dtype=member.dtype.newbyteorder("="), order="C"))


def _check_rows(name: str, member: Any) -> None:  # noqa: ANN401
    """Raise DataError unless a member of a split is a tensor with a first axis for rows."""
    several = name == "x" and hasattr(member, "batch_size")  # a TensorDict, seldom imported
    if not several and not isinstance(member, Tensor):
        kind = type(member).__name__
        raise DataError(
            f"A split is made of torch tensors, but {name} is a {kind}: torch.as_tensor of an "
            "array of numbers is one."
        )
    if not several and (member.layout != torch.strided or member.device.type != "cpu"):
        held = f"{name} is {member.layout} on {member.device}"
        raise DataError(f"A split is dense and in the processor's memory, but {held}.")
    if not member.ndim:
        raise DataError(f"A split is made of rows, but {name} has no rows to count.")


def _in_order_of_rows(member: Any) -> Any:  # noqa: ANN401
    """Return a member of a split as it is, or a copy where rows do not follow each other."""
    tensors = parts(member)
    if all(map(_is_in_order, tensors.values())):
        return member
    several = hasattr(member, "batch_size")  # a TensorDict, seldom imported
    return member.apply(_ordered) if several else _ordered(tensors["x"])


def _is_in_order(tensor: Tensor) -> bool:
    # torch calls any tensor without rows contiguous, and cannot read the bytes of some
    return tensor.is_contiguous() and (len(tensor) > 0 or tensor.stride(-1) == 1)


def _ordered(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def concatenate(splits: Sequence[Split]) -> Split:
    """Return one split with the rows of all, in order.

    Without groups, whose numbers mean nothing across domains, and without marks.
    """
    return Split(torch.cat([s.x for s in splits]), torch.cat([s.y for s in splits]))


@dataclass(frozen=True, eq=False)
class Domain:
    """One hospital, scanner, assay, species or task, in three splits; `val` may be empty.

    Each split bears its name.
    """

    name: str
    train: Split
    val: Split
    test: Split

    def __post_init__(self) -> None:
        """Raise DataError unless the name is a text and the splits are Splits."""
        object.__setattr__(self, "name", text("the name of a domain", self.name))
        splits: dict[str, object] = {**self.splits()}
        for name, split in splits.items():
            if not isinstance(split, Split):
                rule = f"Domain {self.name!r}: {name} must be a Split"
                raise DataError(f"{rule}, but got a {type(split).__name__}.")
            if split.domain != self.name:
                object.__setattr__(self, name, replace(split, domain=self.name))

    def splits(self) -> dict[str, Split]:
        """Return the splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def parts(x: Inputs) -> dict[str, Tensor]:
    """Return the tensors that inputs are made of, by name; a plain tensor is the one part `x`."""
    if isinstance(x, Tensor):
        return {"x": x}
    return {str(name): x[name] for name in sorted(x.keys())}
