"""The folder that jobs are given: empty while they run, gone afterwards."""

from pathlib import Path

import pytest

from medtl_bench.running.executors.with_datasets import with_datasets
from medtl_bench.running.messages import DescribeDataset, Job, Reply


def test_jobs_are_handed_an_empty_folder_that_does_not_stay(tmp_path: Path) -> None:
    folder, seen = tmp_path / "kept", []
    folder.mkdir()
    (folder / "left").touch()

    def execute(jobs):
        for job in jobs:
            seen.append(Path(job.folder).exists())
            Path(job.folder).mkdir()
            yield job, Reply()

    with with_datasets(execute, folder) as kept:
        assert [job.work.name for job, _ in kept([Job(work=DescribeDataset(name="a"))])] == ["a"]
    assert seen == [False]
    assert not folder.exists()


def test_the_folder_is_removed_when_a_run_is_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with with_datasets(lambda jobs: iter(()), tmp_path / "kept"):
            (tmp_path / "kept").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "kept").exists()
