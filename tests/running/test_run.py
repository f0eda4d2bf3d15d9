"""A whole run in this process: what is run, stored, skipped and run again."""

import pytest

from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.randomness import seed_of
from medtl_bench.results.record import Outcome
from medtl_bench.results.store import Store
from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import Job, Reply, RunTrial
from medtl_bench.running.run import Run, alone, missing, overtaken
from medtl_bench.training.method import GradientMethod


def ran(planning, store, files, execute=inprocess.run, **options):
    options = {"wanted": missing(planning.planned, store)} | options
    return list(Run(planning.planned, store, execute, files, **options))


def counted(works: list):
    def execute(jobs):
        for job, reply in inprocess.run(jobs):
            works.append(job.work)
            yield job, reply

    return execute


def test_what_is_asked_for_is_described_planned_run_and_stored(planned, files, tmp_path):
    store, planning = Store(tmp_path), planned()
    assert planning.unusable == {}
    assert [(p.trial.protocol, p.trial.seed) for p in planning.planned] == [
        ("transfer", 0),
        ("stream", 0),
    ]
    records = ran(planning, store, files)
    assert [r.outcome.status for r in records] == ["ok", "ok"]
    assert {r.trial.key: r for r in records} == store.read().records
    assert all(
        r.outcome.scores and r.finished.endswith("+00:00") and r.machine["python"] for r in records
    )


def test_a_finished_trial_is_not_run_again(planned, files, tmp_path):
    store, planning = Store(tmp_path), planned()
    ran(planning, store, files)
    assert missing(planned().planned, store) == []


def test_only_what_is_missing_runs(planned, files, tmp_path):
    store = Store(tmp_path)
    ran(planned(), store, files)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    more, calls = planned(seeds=2), []
    ran(more, store, files, counted(calls))
    assert [(work.trial.seed, work.trial.protocol) for work in calls] == [
        (1, "transfer"),
        (1, "stream"),
    ]
    assert {
        n: t for n, t in ((p.name, p.stat().st_mtime_ns) for p in tmp_path.iterdir()) if n in before
    } == before
    assert len(store.read().records) == 4


def test_a_failure_is_a_record_with_its_reason_and_runs_again(planned, files, tmp_path):
    store, planning = Store(tmp_path), planned(algorithms=["raises", "column"])
    records = ran(planning, store, files)
    assert (
        sorted((r.trial.algorithm, r.outcome.status) for r in records)
        == [("column", "ok")] * 2 + [("raises", "failed")] * 2
    )
    failed = next(r.outcome for r in records if r.trial.algorithm == "raises")
    assert failed.reason == "ValueError: the sources are odd"
    assert "hostile.py" in failed.log
    assert failed.scores == ()
    assert failed.seconds["total"] > 0
    assert {p.trial.algorithm for p in missing(planning.planned, store)} == {"raises"}


def test_predictions_that_cannot_be_scored_are_a_failure_without_scores(planned, files, tmp_path):
    outcome = ran(planned(algorithms=["nan"]), Store(tmp_path), files)[0].outcome
    assert (outcome.status, outcome.reason) == (
        "failed",
        "predict returned 8 values that are NaN or infinite.",
    )
    assert outcome.scores == ()


def test_a_reason_that_is_no_valid_text_can_be_stored(planned, files, tmp_path):
    store = Store(tmp_path)
    ran(planned(algorithms=["raises-invalid-text"]), store, files)
    reasons = {record.outcome.reason for record in store.read().records.values()}
    assert reasons == {"ValueError: cut in the middle: ?"}


def test_an_algorithm_that_calls_exit_does_not_end_the_run(planned, files, tmp_path):
    records = ran(planned(algorithms=["raises-system-exit", "meek"]), Store(tmp_path), files)
    assert sorted(r.outcome.status for r in records) == ["failed", "failed", "ok", "ok"]
    assert (
        next(r for r in records if r.outcome.status == "failed").outcome.reason == "SystemExit: 0"
    )


def test_a_run_that_cannot_store_a_record_ends(planned, files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IntegrityError, match="Could not write"):
        ran(planned(), Store(tmp_path / "file" / "results"), files)


def test_a_trial_runs_from_its_identity_alone(planned, files):
    trial = planned().planned[0].trial
    job = Job(work=RunTrial(trial=trial), plugin_files=files)
    same = Job.model_validate_json(job.model_dump_json())
    first, second = (reply.outcome.scores for _, reply in inprocess.run([job, same]))
    assert first == second


def test_two_runs_cannot_hold_one_folder(tmp_path):
    with (
        alone(tmp_path),
        pytest.raises(MedTLError, match="Another run is writing to"),
        alone(tmp_path),
    ):
        pass
    with alone(tmp_path):
        pass


def test_a_folder_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError), alone(tmp_path):
        raise RuntimeError
    with alone(tmp_path):
        pass


def test_what_a_killed_run_left_is_cleared_and_what_is_the_users_is_not(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / ".medtl-bench-abc.tmp").write_text("half")
    (tmp_path / ".notes.tmp").write_text("mine")
    with alone(tmp_path):
        assert not list(folder.iterdir())
        assert (tmp_path / ".notes.tmp").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(IntegrityError, match=r"Cannot write to .*file.*: .+\."), alone(out):
            pass


def test_an_error_inside_a_run_is_not_blamed_on_the_folder(tmp_path):
    with pytest.raises(BrokenPipeError), alone(tmp_path):
        raise BrokenPipeError(32, "Broken pipe")


def test_what_cannot_run_starts_no_process_and_leaves_no_record(planned, files, tmp_path):
    planning, works = planned(algorithms=["only-masks"]), []
    assert [one.skipped for one in planning.planned] == ["it only segments"] * 2
    assert planning.possible == missing(planning.planned, Store(tmp_path)) == []
    assert ran(planning, Store(tmp_path), files, counted(works)) == []
    assert list(Run(planning.planned, Store(tmp_path), counted(works), files)) == []
    assert (works, list(tmp_path.iterdir())) == ([], [])


def test_what_is_found_out_by_the_trial_alone_is_told_and_leaves_no_record(
    planned, files, tmp_path
):
    planning = planned(algorithms=["only-masks"])
    unaware = [one._replace(skipped="") for one in planning.planned]
    records = list(Run(unaware, Store(tmp_path), inprocess.run, files))
    told = {(r.outcome.status, r.outcome.reason) for r in records}
    assert told == {("skipped", "it only segments")}
    assert list(tmp_path.iterdir()) == []


def test_the_scores_do_not_depend_on_the_order_in_which_trials_run(planned, files, tmp_path):
    planned = planned(algorithms=["column", "fine-tune", "chance"]).planned
    forth = Run(planned, Store(tmp_path / "forth"), inprocess.run, files)
    back = Run(planned[::-1], Store(tmp_path / "back"), inprocess.run, files)
    scores = {record.trial.key: record.outcome.scores for record in forth}
    assert scores == {record.trial.key: record.outcome.scores for record in back}


@pytest.mark.parametrize("missing", [slice(None), slice(1, 2)])
def test_trials_of_a_kind_run_side_by_side_and_a_group_is_the_same_whatever_is_missing(
    planned, files, tmp_path, missing
):
    planning = planned(algorithms=["fine-tune"], protocols=["transfer"], seeds=3, stack=64)
    transfers, works = planning.planned, []
    wanted = transfers[missing]
    store = Store(tmp_path)
    records = list(Run(transfers, store, counted(works), files, wanted=wanted))
    assert [work.verb for work in works] == ["run stack"]
    assert works[0].trials == tuple(one.trial for one in transfers)
    assert [r.trial.key for r in records] == [one.trial.key for one in wanted]
    assert {(r.outcome.status, r.outcome.stacked) for r in records} == {("ok", len(transfers))}
    assert set(store.read().records) == {one.trial.key for one in wanted}


def test_stacked_trials_have_other_keys_and_the_scores_of_those_alone(planned, files, tmp_path):
    asked = {"algorithms": ["fine-tune", "column"], "protocols": ["transfer"], "seeds": 3}
    beside = ran(planned(stack=64, **asked), Store(tmp_path / "beside"), files)
    alone = ran(planned(stack=1, **asked), Store(tmp_path / "alone"), files)
    by_identity = {(r.trial.algorithm, r.trial.seed): r for r in alone}
    assert len(by_identity) == len(beside) == 6
    for record in beside:
        other, stacks = by_identity[record.trial.algorithm, record.trial.seed], "fine-tune"
        assert (record.trial.key != other.trial.key) == (record.trial.algorithm == stacks)
        assert record.trial.stacked == (record.trial.algorithm == stacks)
        assert [s[:-2] for s in record.outcome.scores] == [s[:-2] for s in other.outcome.scores]
        values = [score.value for score in other.outcome.scores]
        assert [s.value for s in record.outcome.scores] == pytest.approx(values, abs=1e-3)


def test_a_group_that_fails_is_run_again_one_by_one(planned, files, tmp_path):
    planning, verbs = planned(algorithms=["fine-tune"], seeds=3, stack=64), []
    killed = Outcome(status="failed", reason="Its process was ended by SIGKILL.")

    def execute(jobs):
        for job in jobs:
            verbs.append(job.work.verb)
            if job.work.verb == "run stack":
                yield job, Reply(outcome=killed, exit_code=1)
            else:
                yield from inprocess.run([job])

    records = ran(planning, Store(tmp_path), files, execute)
    assert verbs.count("run trial") == len(planning.planned) == len(records)
    assert {(r.outcome.status, r.outcome.stacked) for r in records} == {("ok", 1)}
    groups = [r.outcome.log for r in records if "side by side" in r.outcome.log]
    assert len(groups) == len(records)
    assert all(log.endswith("ended: Its process was ended by SIGKILL.\n") for log in groups)


def test_a_trial_of_a_group_that_fails_is_its_own_failure(planned, files, tmp_path, monkeypatch):
    fit = GradientMethod.fit

    def fails_once(learner, sources, unlabelled):
        fit(learner, sources, unlabelled)
        if learner.generator.initial_seed() == failing[0]:
            raise ValueError("one of three")

    failing = [-1]
    monkeypatch.setattr(GradientMethod, "fit", fails_once)
    asked = {"algorithms": ["fine-tune"], "protocols": ["transfer"], "seeds": 3, "stack": 64}
    asked["parameters"] = ["fine-tune.patience=0"]  # which would seed the generator anew
    whole = ran(planned(**asked), Store(tmp_path / "whole"), files)
    trial = whole[1].trial
    failing[0] = seed_of("learn", trial.dataset, trial.scenario, trial.seed)
    works: list = []
    records = ran(planned(**asked), Store(tmp_path / "one"), files, counted(works))
    assert [work.verb for work in works] == ["run stack"]
    assert [r.outcome.status for r in records] == ["ok", "failed", "ok"]
    assert [r.outcome.stacked for r in records] == [3, 3, 3]
    for number in (0, 2):
        ours, theirs = records[number].outcome.scores, whole[number].outcome.scores
        assert [s.value for s in ours] == pytest.approx([s.value for s in theirs], abs=1e-3)


def test_a_quick_record_that_another_preset_asks_for_is_quick_no_more(planned, files, tmp_path):
    planning, store = planned(), Store(tmp_path)
    assert all(one.about.quick for one in planning.planned), "the preset smoke"
    ran(planning, store, files)
    records = store.read().records
    assert overtaken(planning.planned, records) == []
    full = [
        one._replace(about=one.about.model_copy(update={"quick": False}))
        for one in planning.planned
    ]
    changed = overtaken(full, records)
    assert len(changed) == len(records)
    assert not any(record.about.quick for record in changed)
