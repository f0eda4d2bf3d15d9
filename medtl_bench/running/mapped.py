"""Datasets as a run keeps them: built once, then read by those that use one.

The process that describes a dataset builds it. What a method may read lies open, blinded;
the labels that it is judged by lie beside it, sealed. What one fold learns from is what
another is judged by, so each fold is sealed with a key of its own.
"""

import io
import shutil
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Inputs, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.hashing import hashed
from medtl_bench.protocols.withheld import blinded
from medtl_bench.results.record import Frozen
from medtl_bench.running import tensors
from medtl_bench.running.sealed import fold_key, seal, unseal
from medtl_bench.running.tensors import Part

FACTS, SEALED_FACTS, LABELS = "facts.json", "facts.sealed", "labels.sealed"


class _Split(Frozen):
    """Where the tensors of a split begin."""

    x: Part | dict[str, Part]
    y: Part
    of_rows: dict[str, Part]


class _Domain(Frozen):
    """The splits of a domain and the file that holds their inputs, with its size and SHA-256."""

    file: str
    size: int
    sha256: str
    splits: dict[str, _Split]


class _Facts(Frozen):
    """All of a dataset but its tensors; the domains of each of its folds."""

    name: str
    card: Card
    task: Task
    transfers: tuple[Transfer, ...]
    streams: tuple[Stream, ...]
    labels: LabelMeaning
    folds: tuple[dict[str, _Domain], ...]

    def domains(self, seed: int) -> dict[str, _Domain]:
        """Return the domains as trials of a seed see them."""
        return self.folds[seed % len(self.folds)]


def write(dataset: Dataset, folder: Path, key: str) -> str:
    """Keep a dataset, its labels sealed with the key, and return the digest to read it by.

    Raises OSError where there is no room, ValueError where its texts are no JSON, and
    then keeps nothing.
    """
    place = _place(folder, dataset.name)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        return _written(dataset, place, key)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _written(dataset: Dataset, place: Path, key: str) -> str:
    labels, kept, labelled = io.BytesIO(), [], []
    for number, fold in enumerate(dataset.divisions()):
        own = fold_key(key, dataset.name, number) if dataset.folds else ""
        files = [place / f"{number}-{n}.bin" for n in range(len(fold.domains))]
        pairs = zip(files, _open(fold).domains, strict=True)
        kept.append({domain.name: _put_domain(file, domain, own) for file, domain in pairs})
        labelled.append({d.name: _put_labels(labels, d, kept[-1][d.name]) for d in fold.domains})
    sealed = {SEALED_FACTS: _facts(dataset, labelled), LABELS: labels.getvalue()}
    for name, content in sealed.items():
        (place / name).write_bytes(seal(content, key, f"{dataset.name}/{name}"))
    facts = _facts(dataset, kept)
    # last, for what has no facts is not read
    (place / FACTS).write_bytes(facts)
    return sha256(facts).hexdigest()


def _open(dataset: Dataset) -> Dataset:
    """Return what is not sealed: learners may be shown any source's labels for validation."""
    return blinded(dataset, [domain.name for domain in dataset.domains])


def _facts(dataset: Dataset, folds: Sequence[dict[str, _Domain]]) -> bytes:
    facts = _Facts(
        name=dataset.name,
        card=dataset.card,
        task=dataset.task,
        transfers=dataset.transfers,
        streams=dataset.streams,
        labels=dataset.labels,
        folds=tuple(folds),
    )
    return facts.model_dump_json().encode()


def read_blinded(
    name: str,
    folder: Path,
    digest: str,
    domains: Collection[str] = (),
    *,
    validating: Collection[str] = (),
    seed: int = 0,
    key: str = "",
) -> Dataset | None:
    """Return a dataset that is kept, as a method may see it, without checking it again.

    Of its folds that of the seed, which `key` must open. None if there is none of that name
    and digest. The `domains`, or all if none is named, are read now, into memory of this
    process alone: what another process does to the files does not reach them. The others
    are mapped, so that what is not used is not read. `validating`: as `blinded` has it.
    """
    place = _place(folder, name)
    try:
        facts = _read_facts(place, digest)
        own = facts.domains(seed)
        chosen = set(domains) & set(own) or set(own)
        key = key if len(facts.folds) > 1 else ""
        octets = {n: _octets(place, d, key, copy=n in chosen) for n, d in own.items()}
        return blinded(_dataset(facts, own, octets), validating)
    except (OSError, ValueError):
        return None


def read_whole(name: str, folder: Path, key: str, seed: int = 0) -> Dataset | None:
    """Return a dataset that is kept, with all labels, or None if there is none of that name.

    Of its folds that of the seed. Its inputs are mapped. A method may have changed them,
    which no score depends on.
    """
    place = _place(folder, name)
    try:
        sealed = {n: _bytes(place / n) for n in (SEALED_FACTS, LABELS)}
        content = {n: unseal(value, key, f"{name}/{n}") for n, value in sealed.items()}
        facts = _Facts.model_validate_json(content[SEALED_FACTS])
        own, count = facts.domains(seed), len(facts.folds)
        opens = fold_key(key, name, seed % count) if count > 1 else ""
        octets = {n: _octets(place, d, opens, copy=False) for n, d in own.items()}
        return _dataset(facts, own, octets, tensors.of_bytes(content[LABELS]))
    except (OSError, ValueError):
        return None


def _place(folder: Path, name: str) -> Path:
    return folder / hashed(name)[:32]


def _bytes(path: Path) -> bytes:
    with tensors.opened(path) as file:
        return file.read()


def _read_facts(place: Path, digest: str) -> _Facts:
    content = _bytes(place / FACTS)
    if sha256(content).hexdigest() != digest:
        raise ValueError(f"{FACTS} is not what was written")
    return _Facts.model_validate_json(content)


def _octets(place: Path, domain: _Domain, key: str, *, copy: bool) -> Tensor:
    path = place / domain.file
    if key:
        return tensors.of_bytes(unseal(_bytes(path), key, domain.file))
    if copy:
        return tensors.copied(path, domain.size, domain.sha256)
    return tensors.mapped(path, domain.size)


def _put_domain(path: Path, domain: Domain, key: str) -> _Domain:
    """Write a domain to a file, sealed where there is a key."""
    with io.BytesIO() if key else path.open("x+b") as file:
        splits = {name: _put_split(file, split) for name, split in domain.splits().items()}
        file.write(bytes(tensors.ALIGNED))  # an empty file could not be mapped
        size = file.tell()
        file.seek(0)
        digest = sha256()
        while chunk := file.read(2**20):
            digest.update(chunk)
        if isinstance(file, io.BytesIO):
            path.write_bytes(seal(file.getvalue(), key, path.name))
    return _Domain(file=path.name, size=size, sha256=digest.hexdigest(), splits=splits)


def _put_split(file: BinaryIO, split: Split) -> _Split:
    x = _put_x(file, split.x)
    return _Split(x=x, y=tensors.put(file, split.y), of_rows=_put_of_rows(file, split))


def _put_x(file: BinaryIO, x: Inputs) -> Part | dict[str, Part]:
    if isinstance(x, Tensor):
        return tensors.put(file, x)
    return {name: tensors.put(file, part) for name, part in parts(x).items()}


def _put_of_rows(file: BinaryIO, split: Split) -> dict[str, Part]:
    return {name: tensors.put(file, tensor) for name, tensor in split.of_rows().items()}


def _put_labels(file: BinaryIO, domain: Domain, kept: _Domain) -> _Domain:
    """Write all that is known of a domain's rows; their inputs are kept where they are."""
    splits = {
        name: _Split(
            x=kept.splits[name].x,
            y=tensors.put(file, split.y),
            of_rows=_put_of_rows(file, split),
        )
        for name, split in domain.splits().items()
    }
    return kept.model_copy(update={"splits": splits})


def _dataset(
    facts: _Facts,
    kept: Mapping[str, _Domain],
    octets: Mapping[str, Tensor],
    labels: Tensor | None = None,
) -> Dataset:
    """Return a dataset of the bytes of its domains; all labels lie there, or apart."""
    domains = []
    for name, domain in kept.items():
        own = octets[name]
        splits = {n: _get_split(s, own, labels) for n, s in domain.splits.items()}
        domains.append(Domain(name, **splits))
    fields = facts.transfers, facts.streams, facts.labels
    return Dataset(facts.name, facts.card, facts.task, tuple(domains), *fields, checked=True)


def _get_split(split: _Split, octets: Tensor, labels: Tensor | None) -> Split:
    of_rows = octets if labels is None else labels
    known = {name: tensors.get(of_rows, part) for name, part in split.of_rows.items()}
    return Split.made(_get_x(octets, split), tensors.get(of_rows, split.y), known)


def _get_x(octets: Tensor, split: _Split) -> Inputs:
    if isinstance(split.x, Part):
        return tensors.get(octets, split.x)
    from tensordict import TensorDict  # noqa: PLC0415 - takes longer to import than torch

    inputs = {name: tensors.get(octets, part) for name, part in split.x.items()}
    return TensorDict(inputs, batch_size=split.y.shape[:1])
