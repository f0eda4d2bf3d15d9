"""The folder that jobs are given: empty while they run, gone afterwards."""

from pathlib import Path

import pytest

from medtl_bench.running.executors.with_datasets import with_datasets
from medtl_bench.running.messages import (
    DatasetFacts,
    DescribeAlgorithm,
    DescribeDataset,
    Job,
    Reply,
    RunTrial,
)
from tests.records import record


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


def facts(name: str) -> DatasetFacts:
    return DatasetFacts(
        name=name,
        digest="",
        area="simulated",
        provenance="simulated",
        task="regression",
        metrics=("mse",),
        scenarios={},
        kept="digest",
    )


def test_trials_are_told_what_was_kept_of_their_dataset_and_no_other_job_has_a_key(
    tmp_path: Path,
) -> None:
    seen: dict[str, Job] = {}

    def execute(jobs):
        for job in jobs:
            seen[job.work.verb + getattr(job.work, "name", "")] = job
            described = isinstance(job.work, DescribeDataset) and job.work.name == "kept"
            yield job, Reply(dataset=facts("kept")) if described else Reply()

    trials = [RunTrial(trial=record(dataset=name).trial) for name in ("kept", "lost")]
    with with_datasets(execute, tmp_path / "kept") as executor:
        list(executor([Job(work=DescribeDataset(name=name)) for name in ("kept", "lost")]))
        list(executor([Job(work=DescribeAlgorithm(name="any"))]))
        (kept, _), (lost, _) = executor([Job(work=trial) for trial in trials])
    assert seen["describe datasetkept"].key == kept.key
    assert len(kept.key) == 64
    assert (kept.kept, kept.folder) == ("digest", str(tmp_path / "kept"))
    assert kept.blind().key == ""
    for job in (lost, seen["describe algorithmany"]):
        assert (job.key, job.kept, job.folder) == ("", "", "")
