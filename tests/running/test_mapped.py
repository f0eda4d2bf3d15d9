"""A dataset that is kept is the same one, mapped where it was; what cannot be kept is built."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from medtl_bench.catalogue import entries
from medtl_bench.contract import checks
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain, Split, parts
from medtl_bench.running import mapped, worker
from medtl_bench.running.messages import DescribeDataset, Job, RunTrial
from medtl_bench.testing import tiny
from tests.records import record


def two_parts() -> Dataset:
    """Return a dataset with inputs of two parts, one of whose domains has no row to validate on."""
    return next(case for case in tiny.cases() if case.name == "tiny two parts").whole()


def of_rows() -> Dataset:
    """Return a dataset that knows the groups of its rows and marks some."""
    data = tiny.cases()[0].whole()
    domains = []
    for domain in data.domains:
        ends = torch.tensor([len(split) for split in domain.splits().values()]).cumsum(0).tolist()
        groups = [
            torch.arange(end - len(split), end)
            for end, split in zip(ends, domain.splits().values(), strict=True)
        ]
        splits = zip(domain.splits().values(), groups, strict=True)
        domains.append(
            Domain(domain.name, *(Split(s.x, s.y, groups=g, marked=g % 2 == 0) for s, g in splits))
        )
    return replace(data, domains=tuple(domains))


DATASETS = {case.name: case.whole for case in tiny.cases()} | {
    "no labels": tiny.unlabelled,
    "groups and marks": of_rows,
}


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_read_is_what_was_written(name: str, tmp_path: Path) -> None:
    data = DATASETS[name]()
    mapped.write(data, tmp_path)
    read = mapped.read(data.name, tmp_path)
    assert read is not None
    assert (read.digest(), read.card) == (data.digest(), data.card)
    scenarios = (*read.transfers, *read.streams)
    assert list(checks.problems(read.task, read.domains, scenarios)) == []


def test_tensors_begin_where_torch_would_put_them_and_changing_one_changes_no_file(
    tmp_path: Path,
) -> None:
    data = two_parts()
    mapped.write(data, tmp_path)
    first, second = (mapped.read(data.name, tmp_path) for _ in range(2))
    assert first is not None
    assert second is not None
    for split in first.domains[1].splits().values():
        assert all(
            part.data_ptr() % mapped.ALIGNED == 0
            for part in (split.y, *parts(split.x).values())
            if len(part)
        )
    first.domains[0].train.y.fill_(0)
    assert second.digest() == data.digest()
    again = mapped.read(data.name, tmp_path)
    assert again is not None
    assert again.digest() == data.digest()


def test_nothing_is_read_that_was_not_written_to_its_end(tmp_path: Path, monkeypatch) -> None:
    data = two_parts()
    assert mapped.read(data.name, tmp_path) is None
    with monkeypatch.context() as patched:
        patched.setattr(
            Path, "write_text", lambda *_: (_ for _ in ()).throw(OSError("No space left on device"))
        )
        with pytest.raises(OSError, match="No space"):
            mapped.write(data, tmp_path)
    assert mapped.read(data.name, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_told_again_is_not_kept(tmp_path: Path) -> None:
    data = two_parts()
    mapped.write(replace(data, card=replace(data.card, area="astrology")), tmp_path / "unknown")
    assert mapped.read(data.name, tmp_path / "unknown") is None
    with pytest.raises(ValueError, match="surrogate"):
        mapped.write(replace(data, card=replace(data.card, notes="\ud800")), tmp_path / "cut")
    assert list((tmp_path / "cut").iterdir()) == []


def test_a_description_keeps_the_dataset_and_a_trial_does_not_build_it_again(
    tmp_path: Path, plugin_file, monkeypatch
) -> None:
    files = (plugin_file("tiny"), plugin_file("hostile"))
    trial = record(
        dataset="tiny",
        algorithm="column",
        scenario="to-c",
        sources=("a", "b"),
        targets=("c",),
        parameters={},
    ).trial
    alone = worker.perform(Job(work=RunTrial(trial=trial), plugin_files=files)).outcome
    assert worker.perform(
        Job(work=DescribeDataset(name="tiny"), plugin_files=files, folder=str(tmp_path))
    ).dataset
    monkeypatch.setattr(entries.Catalogue, "dataset", lambda *_: pytest.fail("it was built again"))
    shared = worker.perform(
        Job(work=RunTrial(trial=trial), plugin_files=files, folder=str(tmp_path))
    ).outcome
    assert alone is not None
    assert shared is not None
    assert alone.status == "ok"
    assert shared.scores == alone.scores


def test_where_nothing_can_be_kept_trials_build_the_dataset(tmp_path: Path, plugin_file) -> None:
    files, nowhere = (plugin_file("tiny"), plugin_file("hostile")), tmp_path / "file"
    nowhere.touch()
    trial = record(
        dataset="tiny",
        algorithm="column",
        scenario="to-c",
        sources=("a", "b"),
        targets=("c",),
        parameters={},
    ).trial
    for work in (DescribeDataset(name="tiny"), RunTrial(trial=trial)):
        reply = worker.perform(Job(work=work, plugin_files=files, folder=str(nowhere / "folder")))
        assert reply.dataset or (reply.outcome and reply.outcome.status == "ok")
