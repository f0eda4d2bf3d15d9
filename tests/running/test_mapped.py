"""A dataset that is kept is the same one, mapped where it was; what cannot be kept is built."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medtl_bench.catalogue import entries
from medtl_bench.contract import checks
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain, Split, parts
from medtl_bench.protocols.withheld import Withheld, blinded
from medtl_bench.running import mapped, worker
from medtl_bench.running.messages import DescribeDataset, Job, RunTrial
from medtl_bench.running.sealed import fold_key
from medtl_bench.running.tensors import ALIGNED
from medtl_bench.testing import tiny
from tests.records import record

KEY = "ab" * 32


def two_parts() -> Dataset:
    """Return a dataset with inputs of two parts, one of whose domains has no row to validate on."""
    return next(case for case in tiny.cases() if case.name == "tiny two parts").whole()


def of_rows() -> Dataset:
    """Return a dataset that knows groups and attributes of its rows and marks some."""
    data = tiny.cases()[0].whole()
    domains = []
    for domain in data.domains:
        ends = torch.tensor([len(split) for split in domain.splits().values()]).cumsum(0).tolist()
        groups = [
            torch.arange(end - len(split), end)
            for end, split in zip(ends, domain.splits().values(), strict=True)
        ]
        splits = zip(domain.splits().values(), groups, strict=True)
        known = (
            Split(s.x, s.y, g, marked=g % 2 == 0, attributes={"sex = female": g % 3 == 0})
            for s, g in splits
        )
        domains.append(Domain(domain.name, *known))
    return replace(data, domains=tuple(domains))


def in_folds() -> Dataset:
    """Return a dataset of two folds, of which each tests rows that the other trains on."""
    data = tiny.cases()[0].whole()
    turned = tuple(Domain(d.name, d.test, d.val, d.train) for d in data.domains)
    return replace(data, folds=(turned,))


DATASETS = {case.name: case.whole for case in tiny.cases()} | {
    "no labels": tiny.unlabelled,
    "groups and marks": of_rows,
}


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_read_whole_is_what_was_written(name: str, tmp_path: Path) -> None:
    data = DATASETS[name]()
    mapped.write(data, tmp_path, KEY)
    read = mapped.read_whole(data.name, tmp_path, KEY)
    assert read is not None
    assert (read.digest(), read.card) == (data.digest(), data.card)
    scenarios = (*read.transfers, *read.streams)
    assert list(checks.problems(read.task, read.domains, scenarios)) == []


@pytest.mark.parametrize("name", DATASETS)
def test_what_a_method_may_read_has_all_but_the_labels_it_is_judged_by(
    name: str, tmp_path: Path
) -> None:
    data = DATASETS[name]()
    digest = mapped.write(data, tmp_path, KEY)
    for domains in ((), ("site-b", "no domain")):
        read = mapped.read_blinded(data.name, tmp_path, digest, domains)
        assert read is not None
        assert read.digest() == blinded(data).digest()
    for domain, true in zip(read.domains, data.domains, strict=True):
        assert torch.equal(domain.train.y, true.train.y)
        for split in (domain.val, domain.test):
            assert isinstance(split.y, Withheld)
            assert not split.y.any()
            assert split.of_rows() == {}


def test_labels_for_validation_can_be_read_of_those_domains_that_are_named(tmp_path: Path) -> None:
    data = of_rows()
    digest = mapped.write(data, tmp_path, KEY)
    read = mapped.read_blinded(data.name, tmp_path, digest, validating=["site-b"])
    assert read is not None
    for domain, true in zip(read.domains, data.domains, strict=True):
        assert isinstance(domain.test.y, Withheld)
        assert isinstance(domain.val.y, Withheld) == (domain.name != "site-b")
        assert domain.val.of_rows() == {}
        assert domain.name != "site-b" or torch.equal(domain.val.y, true.val.y)


def test_no_file_holds_the_labels_of_a_test_split_in_the_open(tmp_path: Path) -> None:
    data = of_rows()
    pattern = torch.tensor([1, 0, 2] * 4)
    domain = data.domains[0]
    changed = Domain("site-a", domain.train, domain.val, replace(domain.test, y=pattern))
    mapped.write(replace(data, domains=(changed, *data.domains[1:])), tmp_path, KEY)
    groups = domain.test.groups
    assert groups is not None
    for file in tmp_path.rglob("*.*"):
        content = file.read_bytes()
        assert pattern.numpy().tobytes() not in content
        assert groups.numpy().tobytes() not in content


def test_tensors_begin_where_torch_would_put_them_and_changing_one_changes_no_file(
    tmp_path: Path,
) -> None:
    data = two_parts()
    digest = mapped.write(data, tmp_path, KEY)
    for domains in (("site-b",), ("site-a",)):  # copied, then mapped
        first, second = (
            mapped.read_blinded(data.name, tmp_path, digest, domains) for _ in range(2)
        )
        assert first is not None
        assert second is not None
        for split in first.domains[1].splits().values():
            assert all(
                part.data_ptr() % ALIGNED == 0
                for part in (split.y, *parts(split.x).values())
                if len(part)
            )
        first.domains[1].train.y.fill_(0)
        assert second.digest() == blinded(data).digest()
        again = mapped.read_blinded(data.name, tmp_path, digest)
        assert again is not None
        assert again.digest() == blinded(data).digest()


def zeroed(place: Path) -> None:
    file = np.memmap(place / "0-1.bin", mode="r+")
    file[:] = 0
    file.flush()


def rewritten(place: Path) -> None:
    facts = (place / mapped.FACTS).read_text()
    (place / mapped.FACTS).write_text(facts.replace("Testing.", "Fun."))


HARMS = {
    "zeros in the data": zeroed,
    "other facts": rewritten,
    "cut": lambda place: (place / "0-1.bin").write_bytes(b""),
    "a pipe": lambda place: ((place / "0-1.bin").unlink(), os.mkfifo(place / "0-1.bin")),
    "a link": lambda place: (
        (place / "0-1.bin").rename(place / "x") and (place / "0-1.bin").symlink_to(place / "x")
    ),
    "gone": lambda place: (place / "0-1.bin").unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_a_method_wrote_into_the_folder_is_not_what_others_learn_from(
    harm: str, tmp_path: Path
) -> None:
    data = two_parts()
    digest = mapped.write(data, tmp_path, KEY)
    before = mapped.read_blinded(data.name, tmp_path, digest)
    (place,) = tmp_path.iterdir()
    HARMS[harm](place)
    assert mapped.read_blinded(data.name, tmp_path, digest) is None
    assert before is not None
    assert before.digest() == blinded(data).digest()


@pytest.mark.parametrize("name", [mapped.LABELS, mapped.SEALED_FACTS])
def test_labels_that_were_changed_or_are_read_with_another_key_are_none(
    name: str, tmp_path: Path
) -> None:
    data = two_parts()
    mapped.write(data, tmp_path, KEY)
    assert mapped.read_whole(data.name, tmp_path, "0" * 64) is None
    (place,) = tmp_path.iterdir()
    content = bytearray((place / name).read_bytes())
    content[-1] ^= 1
    (place / name).write_bytes(content)
    assert mapped.read_whole(data.name, tmp_path, KEY) is None


def test_nothing_is_read_that_was_not_written_to_its_end(tmp_path: Path, monkeypatch) -> None:
    data = two_parts()
    assert mapped.read_whole(data.name, tmp_path, KEY) is None
    with monkeypatch.context() as patched:
        patched.setattr(
            Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError("No space left"))
        )
        with pytest.raises(OSError, match="No space"):
            mapped.write(data, tmp_path, KEY)
    assert mapped.read_whole(data.name, tmp_path, KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_is_kept_twice_is_kept_as_it_was_the_second_time(tmp_path: Path) -> None:
    data = two_parts()
    mapped.write(data, tmp_path, KEY)
    digest = mapped.write(replace(data, card=replace(data.card, notes="again")), tmp_path, KEY)
    read = mapped.read_blinded(data.name, tmp_path, digest)
    assert read is not None
    assert read.card.notes == "again"


def test_what_could_not_be_told_again_is_not_kept(tmp_path: Path) -> None:
    data = two_parts()
    unknown = replace(data, card=replace(data.card, area="astrology"))
    digest = mapped.write(unknown, tmp_path / "unknown", KEY)
    assert mapped.read_blinded(data.name, tmp_path / "unknown", digest) is None
    assert mapped.read_whole(data.name, tmp_path / "unknown", KEY) is None
    cut = replace(data, card=replace(data.card, notes="\ud800"))
    with pytest.raises(ValueError, match="surrogate"):
        mapped.write(cut, tmp_path / "cut", KEY)
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
    describe = Job(
        work=DescribeDataset(name="tiny"), plugin_files=files, folder=str(tmp_path), key=KEY
    )
    facts = worker.perform(describe).dataset
    assert facts is not None
    monkeypatch.setattr(entries.Catalogue, "dataset", lambda *_: pytest.fail("it was built again"))
    known = {"work": RunTrial(trial=trial), "kept": facts.kept}
    shared = worker.perform(describe.model_copy(update=known)).outcome
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
        job = Job(work=work, plugin_files=files, folder=str(nowhere / "folder"), key=KEY, kept="1")
        reply = worker.perform(job)
        assert reply.dataset or (reply.outcome and reply.outcome.status == "ok")


def test_of_a_dataset_in_folds_a_trial_reads_that_of_its_seed_and_no_other(tmp_path: Path) -> None:
    data = in_folds()
    digest = mapped.write(data, tmp_path, KEY)
    for seed in range(4):
        expected = data.of_seed(seed)
        whole = mapped.read_whole(data.name, tmp_path, KEY, seed)
        own = fold_key(KEY, data.name, seed % 2)
        method = mapped.read_blinded(data.name, tmp_path, digest, seed=seed, key=own)
        assert whole is not None
        assert method is not None
        assert whole.digest() == expected.digest() != data.of_seed(seed + 1).digest()
        assert method.digest() == blinded(expected).digest()
        assert (whole.folds, method.folds) == ((), ())


def test_what_one_fold_learns_from_is_closed_to_who_is_judged_by_it(tmp_path: Path) -> None:
    data = in_folds()
    digest = mapped.write(data, tmp_path, KEY)
    for seed, key in ((0, fold_key(KEY, data.name, 1)), (1, ""), (0, KEY)):
        assert mapped.read_blinded(data.name, tmp_path, digest, seed=seed, key=key) is None
    lying = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for fold in data.divisions():
        for split in (domain.train for domain in fold.domains):
            assert split.y.numpy().tobytes() not in lying


def test_a_blinded_dataset_has_no_other_folds() -> None:
    assert blinded(in_folds()).folds == ()
