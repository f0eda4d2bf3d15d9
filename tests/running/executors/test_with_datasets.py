"""The folder that jobs are given: there while they run, gone afterwards.

Whatever a killed run left in it.
"""

from pathlib import Path

import pytest

from medtl_bench.running.executors.with_datasets import keeping
from medtl_bench.running.messages import DescribeDataset, Job, Reply


def test_jobs_are_handed_an_empty_folder_that_does_not_stay(tmp_path: Path) -> None:
    folder, seen = tmp_path / "kept", []
    folder.mkdir()
    (folder / "left").touch()

    def execute(jobs):
        for job in jobs:
            seen.append(Path(job.kept).exists())
            Path(job.kept).mkdir()
            yield job, Reply()

    with keeping(execute, folder) as kept:
        assert [job.task.name for job, _ in kept([Job(task=DescribeDataset(name="a"))])] == ["a"]
    assert seen == [False]
    assert not folder.exists()


def test_the_folder_is_removed_when_a_run_is_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with keeping(lambda jobs: iter(()), tmp_path / "kept"):
            (tmp_path / "kept").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "kept").exists()
