"""What is wrong with the parts of a dataset: names, values, shapes, labels, rows and groups.

Each problem is the end of a sentence that begins with the dataset's name.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from medtl_bench.contract import mends
from medtl_bench.contract.rows import RowSums, digests
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.errors import unknown

SHOWN_ROWS = 5
Scenario = Transfer | Stream


def problems(
    task: Task,
    domains: Sequence[Domain],
    scenarios: Sequence[Scenario],
    sums: RowSums | None = None,
) -> Iterator[str]:
    """Yield what is wrong with a dataset of these parts; a Dataset raises the first.

    `sums`: keeps those of the rows, where they are asked for again.
    """
    sums = sums or RowSums()
    names = [domain.name for domain in domains]
    yield from _name_problems(names)
    yield from _scenario_problems(task, scenarios)
    for scenario in scenarios:
        for problem in _membership_problems(scenario, names):
            yield f"{_kind(scenario)} {scenario.name!r}: {problem}"
    for domain in domains:
        yield from _domain_problems(task, domain, domains[0].train)
        for problem in (*_group_problems(domain), *_leaks(domain, sums)):
            yield f"domain {domain.name!r}: {problem}"
    if task.kind in {"classification", "segmentation"}:
        yield from _class_problems(task, domains)
    for scenario in scenarios:
        yield from _unit_problems(scenario, domains)


def _name_problems(names: Sequence[str]) -> Iterator[str]:
    if not names or len(set(names)) < len(names):
        yield f"domains {names}: names must be there, each once."


def _scenario_problems(task: Task, scenarios: Sequence[Scenario]) -> Iterator[str]:
    if task.kind == "integration" and any(isinstance(s, Stream) for s in scenarios):
        yield "streams: an integration task has none, for nothing of it is predicted."
    if not scenarios or len({s.name for s in scenarios}) < len(scenarios):
        yield "transfers and streams: at least one is needed, and no two may share a name."


def _kind(scenario: Scenario) -> str:
    return type(scenario).__name__.lower()


def _members(scenario: Scenario) -> tuple[str, ...]:
    if isinstance(scenario, Stream):
        return scenario.domains
    return *scenario.sources, *scenario.targets


def _membership_problems(scenario: Scenario, names: Sequence[str]) -> Iterator[str]:
    members = _members(scenario)
    for name in sorted(set(members) - set(names)):
        yield str(unknown("domain", name, names))
    if len(set(members)) < len(members) or len(members) < 2:
        yield "it needs two or more domains, each once."
    if isinstance(scenario, Transfer) and not (scenario.sources and scenario.targets):
        yield "it needs at least one source and one target."


def _domain_problems(task: Task, domain: Domain, first: Split) -> Iterator[str]:
    """Yield what is wrong with a domain whose rows must be like those of the split `first`."""
    for name, split in domain.splits().items():
        for problem in _split_problems(task, name, split, first):
            yield f"domain {domain.name!r}, {name}: {problem}"


def _split_problems(task: Task, name: str, split: Split, first: Split) -> Iterator[str]:
    if len(split):
        yield from _shape_problems(split, first)
        for part, tensor in parts(split.x).items():
            yield from _input_problems(part, tensor)
        yield from _mask_problems(task, split)
        yield from _row_problems("groups", split.groups, torch.int64)
        yield from _row_problems("marked", split.marked, torch.bool)
        for attribute, mask in split.attributes.items():
            yield from _row_problems(f"attribute {attribute!r}", mask, torch.bool)
        yield from _label_problems(task, split.y)
    elif not _may_be_empty(task, name):
        yield "it has no rows."


def _may_be_empty(task: Task, split: str) -> bool:
    """Return whether nothing is lost without rows: an integration task is judged on `train`."""
    return split == "val" or (split == "test" and task.kind == "integration")


def _shape_problems(split: Split, first: Split) -> Iterator[str]:
    shapes = _row_shapes(first)
    if _row_shapes(split) != shapes:
        expected = ", ".join(f"{name}: {list(shape)}" for name, shape in shapes.items())
        yield f"the shape of a row differs from that of the first domain, {expected}."
    for name, shape in shapes.items():
        if not shape:
            yield f"{name} has one number a row and no axis for columns: {name}[:, None]."
        elif not shape.numel():
            yield f"{name} has the shape {list(shape)} in a row, which has no column."


def _row_shapes(split: Split) -> dict[str, torch.Size]:
    return {name: part.shape[1:] for name, part in parts(split.x).items()}


def _input_problems(name: str, part: Tensor) -> Iterator[str]:
    if part.requires_grad:
        yield f"{name} requires gradients, but data must be detached."
    if part.dtype != torch.float32:
        mend = mends.of_inputs(part)
        yield f"{name} is {part.dtype}, but inputs must be torch.float32. {mend}"
    # a tenth of the time of looking at every value: extremes are NaN where a value is
    if not torch.stack(part.aminmax()).isfinite().all():
        rows = _rows(~part.isfinite().flatten(1).all(1))
        yield f"{name} holds NaN or infinity in {rows}. {mends.of_missing(name)}"


def _mask_problems(task: Task, split: Split) -> Iterator[str]:
    if task.kind != "segmentation":
        return
    first, *others = parts(split.x).items()
    if others:
        yield f"masks are of images alone, but inputs have the parts {list(parts(split.x))}."
    masks, x = split.y.shape[1:], first[1]
    if masks != x.shape[2:] and x.ndim < 5:
        mend = mends.of_mask_shape(x, masks)
        yield f"masks are {list(masks)}, but images {list(x.shape[2:])}. {mend}"


def _row_problems(name: str, values: Tensor | None, dtype: torch.dtype) -> Iterator[str]:
    """Yield what is wrong with what is known of the rows, one value for each."""
    if values is not None and (values.dtype != dtype or values.ndim != 1):
        held = f"{values.dtype} {list(values.shape)}"
        yield f"{name} is {held}, but one {dtype} a row was expected. {mends.OF_ROWS}"


def _label_problems(task: Task, y: Tensor) -> Iterator[str]:
    dtype = torch.float32 if task.kind == "regression" else torch.int64
    if y.dtype != dtype:
        mend = mends.of_label_type(task, y)
        yield f"y is {y.dtype}, but labels of a {task.kind} task must be {dtype}. {mend}"
    elif y.ndim != (3 if task.kind == "segmentation" else 1):
        mend = mends.of_label_shape(task, y)
        yield f"y has the shape {list(y.shape)}, which a {task.kind} task cannot have. {mend}"
    elif task.kind == "regression":
        yield from _value_problems(y)
    else:
        yield from _range_problems(y, task.outputs)


def _value_problems(y: Tensor) -> Iterator[str]:
    if not y.isfinite().all():
        yield f"y holds NaN or infinity in {_rows(~y.isfinite())}. {mends.of_missing('y')}"


def _range_problems(y: Tensor, classes: int) -> Iterator[str]:
    wrong = ((y < 0) | (y >= classes)).reshape(len(y), -1).any(1)
    if wrong.any():
        mend = mends.of_label_range(y, classes)
        yield f"labels must lie in 0..{classes - 1}, but do not in {_rows(wrong)}. {mend}"


def _unit_problems(scenario: Scenario, domains: Sequence[Domain]) -> Iterator[str]:
    if isinstance(scenario, Transfer) and scenario.unit:
        of_rows = [d.name for d in domains if d.name in scenario.targets and d.train.groups is None]
        for name in of_rows:
            unit = f"its labels are counted by {scenario.unit!r}"
            yield f"transfer {scenario.name!r}: {unit}, but domain {name!r} has no groups."


def _class_problems(task: Task, domains: Sequence[Domain]) -> Iterator[str]:
    present = torch.cat([domain.train.y.unique() for domain in domains]).unique().tolist()
    if len(present) < 2:
        only = task.classes[present[0]]
        yield f"all domains: every training label is of one class ({only!r})."


def _group_problems(domain: Domain) -> Iterator[str]:
    if len({split.groups is None for split in domain.splits().values() if len(split)}) > 1:
        yield "either all its splits have groups or none."


def _leaks(domain: Domain, sums: RowSums) -> Iterator[str]:
    """Yield rows and groups that stand in two splits of a domain."""
    # sums find almost all domains without a shared row
    if any(_shared(domain, "row", lambda split: sums(split).tolist())):
        yield from _shared(domain, "row", digests)
    yield from _shared(domain, "group", _groups)


def _shared(
    domain: Domain, what: str, identities: Callable[[Split], list[object]]
) -> Iterator[str]:
    """Yield where an identity of a row stands in a split and in an earlier one."""
    owner: dict[object, str] = {}
    for name, split in domain.splits().items():
        own = identities(split)
        clash = torch.tensor([identity in owner for identity in own], dtype=torch.bool)
        if clash.any():
            other = owner[own[int(clash.nonzero()[0, 0])]]
            place = f"{_rows(clash)} of {name} share theirs with {other}"
            yield f"a {what} may stand in one split only, but {place}."
        owner.update(dict.fromkeys(own, name))


def _rows(mask: Tensor) -> str:
    """Return in words which rows a mask [n] picks."""
    rows = mask.nonzero().flatten().tolist()
    more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
    return f"rows {', '.join(map(str, rows[:SHOWN_ROWS]))}{more}"


def _groups(split: Split) -> list[object]:
    return [] if split.groups is None else list(split.groups.tolist())
