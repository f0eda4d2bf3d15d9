"""A whole run in this process: what is planned, run and stored, and what is left out and why."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.results.record import Outcome
from medtl_bench.results.store import Store
from medtl_bench.running import run
from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import DescribeDataset, Reply, RunTrial


@pytest.fixture
def files(plugin_file):
    return plugin_file("tiny"), plugin_file("hostile")


@pytest.fixture
def planned(files):
    """Return a function: the planning of a request for the plugins of these tests."""

    def plan(*, execute=inprocess.run, **asked):
        asked = {
            "datasets": ["tiny"],
            "algorithms": ["column"],
            "preset": "smoke",
            "plugin_files": files,
        } | asked
        return run.make_plan(run.Request(**asked), discovery.find(files), execute)

    return plan


def ran(planning, store, files, execute=inprocess.run):
    return list(run.run(run.missing(planning.planned, store), store, execute, files))


def counted(calls: list):
    def execute(jobs):
        for job, reply in inprocess.run(jobs):
            calls.append(job.task)
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
    assert run.missing(planned().planned, store) == []


def test_only_what_is_missing_runs(planned, files, tmp_path):
    store = Store(tmp_path)
    ran(planned(), store, files)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    more, calls = planned(seeds=2), []
    ran(more, store, files, counted(calls))
    assert [(task.trial.seed, task.trial.protocol) for task in calls] == [
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
    assert {p.trial.algorithm for p in run.missing(planning.planned, store)} == {"raises"}


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


def test_a_pair_that_does_not_fit_is_skipped_with_the_reason(planned, files, tmp_path):
    records = ran(planned(algorithms=["only-masks"]), Store(tmp_path), files)
    assert {(r.outcome.status, r.outcome.reason) for r in records} == {
        ("skipped", "it only segments")
    }


def test_a_dataset_that_breaks_the_contract_is_left_out_with_the_reason(planned):
    planning = planned(datasets=["tiny-broken", "tiny-unreadable", "tiny"])
    assert {p.trial.dataset for p in planning.planned} == {"tiny"}
    assert planning.unusable["tiny-broken"] == (
        "Dataset 'tiny-broken', domain 'b', test: x holds NaN or infinity in rows 3."
    )
    assert planning.unusable["tiny-unreadable"].endswith(
        "FileNotFoundError: no file named patients.csv."
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"datasets": ["tinny"]}, "There is no dataset named 'tinny'; did you mean 'tiny'"),
        ({"algorithms": ["colum"]}, "There is no algorithm named 'colum'; did you mean 'column'"),
        ({"preset": "smoky"}, "There is no preset named 'smoky'"),
        ({"parameters": ["dann.weight=1"]}, "There is no algorithm of this run named 'dann'"),
        (
            {"parameters": ["column.colum=1"]},
            "There is no parameter of 'column' named 'colum'; did you mean 'column'",
        ),
        (
            {"parameters": ["column.noise=loud"]},
            "Parameter column.noise='loud' is not of type float",
        ),
        ({"parameters": ["noise=1"]}, "given as ALGORITHM.NAME=VALUE"),
        ({"datasets": ["only-transfers"], "protocols": ["stream"]}, "no trial"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(files, write_plugin, asked, told):
    extra = write_plugin(
        "from medtl_bench.contract.dataset import Dataset\n"
        "def build():\n"
        "    from importlib.util import module_from_spec, spec_from_file_location\n"
        f"    spec = spec_from_file_location('t', {files[0]!r})\n"
        "    module = module_from_spec(spec); spec.loader.exec_module(module)\n"
        "    tiny = module.build()\n"
        "    return Dataset('only-transfers', tiny.card, tiny.task, tiny.domains, tiny.transfers)\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('only-transfers', build, 'One.', 'simulated')]\n"
    )
    asked = {"datasets": ["tiny"], "algorithms": ["column"], "preset": "smoke"} | asked
    request = run.Request(**asked, plugin_files=(*files, extra))
    with pytest.raises(MedTLError, match=told) as raised:
        run.make_plan(request, discovery.find((*files, extra)), inprocess.run)
    assert raised.value.exit_code == 2


def test_a_dataset_whose_file_was_changed_marks_the_plan_as_tampered(write_plugin):
    changed = write_plugin(
        "from medtl_bench.errors import IntegrityError\n"
        "def build():\n"
        "    raise IntegrityError('The data file patients.csv is not as it was published.')\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('changed', build, 'Was changed.', 'simulated')]\n"
    )
    request = run.Request(datasets=["changed"], plugin_files=[changed])
    planning = run.make_plan(request, discovery.find([changed]), inprocess.run)
    assert planning.unusable == {
        "changed": "The data file patients.csv is not as it was published."
    }
    assert planning.tampered


def test_a_dataset_named_like_an_algorithm_with_parameters_is_not_blamed_on_the_user(write_plugin):
    twin = write_plugin(
        "from medtl_bench.contract.algorithm import Algorithm\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Twin(Algorithm):\n    rate: float = 1.0\n    def fit(self, s, u): pass\n"
        "    def adapt(self, s): pass\n    def predict(self, x): pass\n"
        "def build():\n    raise OSError('gone')\n"
        "@hookimpl\ndef medtl_algorithms():\n"
        "    return [AlgorithmEntry('twin', Twin, 'One.', 'baseline')]\n"
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('twin', build, 'One.', 'simulated')]\n"
    )
    request = run.Request(
        ["twin"], ["twin"], preset="smoke", parameters=["twin.rate=2"], plugin_files=[twin]
    )
    assert list(run.make_plan(request, discovery.find([twin]), inprocess.run).unusable) == ["twin"]


def test_parameters_of_the_user_win_over_those_of_the_preset_and_make_another_trial(planned):
    plain, changed = planned(), planned(parameters=["column.noise=0.5"])
    assert [p.trial.parameters for p in changed.planned] == [{"column": 0, "noise": 0.5}] * 2
    assert {p.about.variant for p in changed.planned} == {"noise=0.5"}
    assert {p.trial.key for p in plain.planned}.isdisjoint(p.trial.key for p in changed.planned)
    smoke = (
        planned(algorithms=["fine-tune"], parameters=["fine-tune.steps=7"])
        .planned[0]
        .trial.parameters
    )
    assert (smoke["steps"], smoke["adapt_steps"]) == (7, 3)


def test_a_value_equal_to_the_default_is_the_same_trial(planned):
    plain, same = planned(), planned(parameters=["column.noise=0.10"])
    assert [p.trial.key for p in plain.planned] == [p.trial.key for p in same.planned]


def test_naming_something_twice_plans_it_once(planned):
    assert len(planned(datasets=["tiny", "tiny"], algorithms=["column", "column"]).planned) == 2


def test_naming_nothing_means_all(planned, files):
    found = discovery.find(files)
    planning = planned(datasets=[], algorithms=["chance"], seeds=1)
    described = {p.trial.dataset for p in planning.planned} | {
        *planning.unusable,
        *planning.skipped,
    }
    assert described == set(found.single_datasets())
    assert {"tiny-broken", "tiny-unreadable"} <= set(planning.unusable)


def test_the_scores_do_not_depend_on_the_order_in_which_trials_run(planned, files, tmp_path):
    planning = planned(algorithms=["column", "fine-tune", "chance"])
    forth = run.run(planning.planned, Store(tmp_path / "forth"), inprocess.run, files)
    back = run.run(planning.planned[::-1], Store(tmp_path / "back"), inprocess.run, files)
    assert {r.trial.key: r.outcome.scores for r in forth} == {
        r.trial.key: r.outcome.scores for r in back
    }


@pytest.mark.parametrize("missing", [slice(None), slice(1, 2)])
def test_trials_of_a_kind_run_side_by_side_and_a_group_is_the_same_whatever_is_missing(
    planned, files, tmp_path, missing
):
    planning, asked = planned(algorithms=["fine-tune"], seeds=3), []

    def execute(jobs):
        for job in jobs:
            asked.append(job.task)
            yield from inprocess.run([job])

    transfers = [p for p in planning.planned if p.trial.protocol == "transfer"]
    wanted = transfers[missing]
    records = list(run.run(transfers, Store(tmp_path), execute, files, 64, wanted=wanted))
    assert [task.verb for task in asked] == ["run stack"]
    assert asked[0].trials == tuple(p.trial for p in transfers)
    assert [r.trial.key for r in records] == [p.trial.key for p in wanted]
    assert {(r.outcome.status, r.outcome.stacked) for r in records} == {("ok", len(transfers))}
    alone = list(run.run(wanted, Store(tmp_path / "alone"), inprocess.run, files))
    for stacked, single in zip(records, alone, strict=True):
        assert [s.value for s in stacked.outcome.scores] == pytest.approx(
            [s.value for s in single.outcome.scores], abs=1e-3
        )


def test_what_lacks_a_package_is_skipped_with_its_reason_and_starts_no_process(
    planned, files, tmp_path
):
    planning = planned(algorithms=["column"])
    asked = []
    lacking = [
        p._replace(skipped="install medtl-bench[peers]: avalanche is missing")
        for p in planning.planned
    ]
    (record, *_) = run.run(lacking, Store(tmp_path), counted(asked), files, 64)
    assert (record.outcome.status, record.outcome.reason) == ("skipped", lacking[0].skipped)
    assert asked == []
    assert run.missing(lacking, Store(tmp_path)) == lacking


def test_a_group_that_fails_is_run_again_one_by_one(planned, files, tmp_path):
    planning, asked = planned(algorithms=["fine-tune"], seeds=3), []

    def execute(jobs):
        for job in jobs:
            asked.append(job.task.verb)
            if job.task.verb == "run stack":
                yield (
                    job,
                    Reply(
                        outcome=Outcome(
                            status="failed", reason="Its process was ended by SIGKILL."
                        ),
                        exit_code=1,
                    ),
                )
            else:
                yield from inprocess.run([job])

    records = list(run.run(planning.planned, Store(tmp_path), execute, files, 64))
    assert asked.count("run trial") == len(planning.planned) == len(records)
    assert {(r.outcome.status, r.outcome.stacked) for r in records} == {("ok", 1)}


def test_groups_hold_one_algorithm_on_one_dataset_and_protocol_and_no_more_than_asked(planned):
    planning = planned(algorithms=["fine-tune", "column"], seeds=5)
    groups = run.stacks(planning.planned, 2)
    assert sorted(trial.key for group in groups for trial in group) == sorted(
        p.trial.key for p in planning.planned
    )
    for group in groups:
        assert len({(t.dataset, t.protocol, t.algorithm) for t in group}) == 1
        assert len(group) <= (2 if group[0].algorithm == "fine-tune" else 1)
    assert max(map(len, groups)) == 2


def test_a_run_that_cannot_store_a_record_ends(planned, files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IntegrityError, match="Could not write"):
        ran(planned(), Store(tmp_path / "file" / "results"), files)


def test_a_trial_runs_from_its_identity_alone(planned, files):
    trial = planned().planned[0].trial
    job = run.Job(task=RunTrial(trial=trial), plugin_files=files)
    same = run.Job.model_validate_json(job.model_dump_json())
    first, second = (reply.outcome.scores for _, reply in inprocess.run([job, same]))
    assert first == second


def test_two_runs_cannot_hold_one_folder(tmp_path):
    with (
        run.alone(tmp_path),
        pytest.raises(MedTLError, match="Another run is writing to"),
        run.alone(tmp_path),
    ):
        pass
    with run.alone(tmp_path):
        pass


def test_a_folder_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError), run.alone(tmp_path):
        raise RuntimeError
    with run.alone(tmp_path):
        pass


def test_what_a_killed_run_left_is_cleared_and_what_is_the_users_is_not(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / ".medtl-bench-abc.tmp").write_text("half")
    (tmp_path / ".notes.tmp").write_text("mine")
    with run.alone(tmp_path):
        assert not list(folder.iterdir())
        assert (tmp_path / ".notes.tmp").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(IntegrityError, match=r"Cannot write to .*file.*: .+\."), run.alone(out):
            pass


def test_an_error_inside_a_run_is_not_blamed_on_the_folder(tmp_path):
    with pytest.raises(BrokenPipeError), run.alone(tmp_path):
        raise BrokenPipeError(32, "Broken pipe")


def test_what_an_algorithm_refuses_is_known_before_a_process_is_started_for_it(planned):
    skipped = {
        p.trial.algorithm: p.skipped for p in planned(algorithms=["column", "only-masks"]).planned
    }
    assert skipped["column"] == ""
    assert skipped["only-masks"] == "it only segments"


def test_an_algorithm_that_ends_the_process_that_asks_what_it_refuses_does_not_cost_the_dataset(
    planned,
):
    def execute(jobs):
        for job, reply in inprocess.run(jobs):
            died = isinstance(job.task, DescribeDataset) and job.task.algorithms
            outcome = Outcome(status="failed", reason="Its process was ended by SIGKILL.")
            yield job, Reply(outcome=outcome, exit_code=1) if died else reply

    found = planned(execute=execute)
    assert found.unusable == {}
    assert {p.trial.dataset for p in found.planned} == {"tiny"}
