"""What a command line means: how many trials, in which order, with which parameters."""

import pytest

from medtl_bench.errors import MedTLError
from medtl_bench.running import plan
from medtl_bench.running.plan import PRESETS, AlgorithmFacts, DatasetFacts, Scenario


def dataset(name: str, transfers: int = 2, streams: int = 1, optional: int = 0) -> DatasetFacts:
    scenarios = [Scenario(name=f"t{i}", sources=("a",), targets=("b",)) for i in range(transfers)]
    scenarios += [
        Scenario(name=f"o{i}", sources=("b",), targets=("a",), optional=True)
        for i in range(optional)
    ]
    scenarios += [Scenario(name=f"s{i}", domains=("a", "b")) for i in range(streams)]
    return DatasetFacts(
        name=name, digest=f"digest of {name}", area="clinical", provenance="real",
        task="classification",
        metrics=("balanced_accuracy", "ece"), classes=("ill", "well"), scenarios=tuple(scenarios),
    )  # fmt: skip


def algorithm(name: str) -> AlgorithmFacts:
    return AlgorithmFacts(
        name=name, family="bound", source="here 1", parameters={"weight": 1.0}, variant="weight=1.0"
    )


DATASETS = [dataset("first", optional=3), dataset("second", transfers=1)]
ALGORITHMS = [algorithm("dann"), algorithm("ewc")]


def trials(preset: str, **options):
    return plan.trials(DATASETS, ALGORITHMS, PRESETS[preset], {"torch": "2"}, **options)


@pytest.mark.parametrize(
    ("preset", "count"),
    [("smoke", 1 * 2 * (2 + 2)), ("default", 3 * 2 * (3 + 2)), ("full", 10 * 2 * (3 + 3 + 2))],
)
def test_a_preset_says_how_many_trials_there_are(preset, count):
    planned = trials(preset)
    assert len(planned) == count
    assert len({p.trial.key for p in planned}) == count


def test_seeds_come_one_after_the_other_so_that_a_run_cut_short_has_whole_seeds():
    seeds = [p.trial.seed for p in trials("default")]
    assert seeds == sorted(seeds)
    assert set(seeds) == {0, 1, 2}
    assert {p.trial.seed for p in trials("default", seeds=5)} == set(range(5))


def test_optional_transfers_run_only_in_full():
    def scenarios(preset):
        return {p.trial.scenario for p in trials(preset)}

    assert not [s for s in scenarios("default") | scenarios("smoke") if s.startswith("o")]
    assert {"o0", "o1", "o2"} < scenarios("full")


def test_the_smoke_preset_bounds_the_sources_and_targets_of_a_transfer():
    wide = dataset("d").model_copy(
        update={"scenarios": (Scenario(name="t", sources=tuple("uvwxyz"), targets=tuple("bcd")),)}
    )
    for preset, sources, targets in (("smoke", "uvwx", "bc"), ("default", "uvwxyz", "bcd")):
        planned = plan.trials([wide], ALGORITHMS, PRESETS[preset], {})
        assert {(p.trial.sources, p.trial.targets) for p in planned} == {
            (tuple(sources), tuple(targets))
        }


def test_a_transfer_has_no_k_with_which_a_target_would_give_all_its_labels():
    scarce = Scenario(name="t", sources=("a",), targets=("b",), most_shots=9)
    planned = plan.trials(
        [dataset("d").model_copy(update={"scenarios": (scarce,)})],
        ALGORITHMS,
        PRESETS["default"],
        {},
    )
    assert {p.trial.shots for p in planned} == {(1, 2, 5)}


def test_an_optional_first_transfer_does_not_use_up_the_smoke_presets_one():
    turned = dataset("d", optional=1).model_copy(
        update={"scenarios": tuple(reversed(dataset("d", optional=1).scenarios))}
    )
    planned = plan.trials([turned], ALGORITHMS, PRESETS["smoke"], {}, protocols=["transfer"])
    assert {p.trial.scenario for p in planned} == {"t1"}


def test_protocols_can_be_chosen_and_streams_have_no_shots():
    streams = trials("default", protocols=["stream"])
    assert {(p.trial.protocol, p.trial.shots, p.trial.draws) for p in streams} == {
        ("stream", (), 0)
    }
    assert {p.trial.domains for p in streams} == {("a", "b")}
    transfers = trials("default", protocols=["transfer"])
    assert {(p.trial.shots, p.trial.draws, p.trial.domains) for p in transfers} == {
        (PRESETS["default"].shots, 1, ())
    }
    assert len(streams) + len(transfers) == len(trials("default"))


def test_a_trial_holds_the_facts_its_scores_depend_on_and_the_boards_get_the_rest():
    trial, about, stacks, skipped = trials("smoke")[0]
    assert not stacks
    assert not skipped
    assert (trial.dataset, trial.dataset_digest, trial.algorithm) == (
        "first",
        "digest of first",
        "dann",
    )
    assert (trial.algorithm_source, trial.parameters, trial.versions) == (
        "here 1",
        {"weight": 1.0},
        {"torch": "2"},
    )
    assert (about.area, about.task, about.family, about.variant) == (
        "clinical",
        "classification",
        "bound",
        "weight=1.0",
    )
    assert about.metrics == ("balanced_accuracy", "ece")
    assert about.classes == ("ill", "well")


def test_presets_agree_on_what_they_share():
    assert set(PRESETS["smoke"].shots) < set(PRESETS["default"].shots) == set(PRESETS["full"].shots)
    assert PRESETS["default"].seeds >= 3


def test_an_unknown_preset_gets_a_near_match():
    with pytest.raises(MedTLError, match="There is no preset named 'smok'; did you mean 'smoke'"):
        plan.preset("smok")
    assert plan.preset("full") is PRESETS["full"]


def test_parameters_are_split_by_algorithm():
    told = ["dann.weight=0.5", "dann.steps=3", "my.method.name=a=b.c"]
    assert plan.split_parameters(told) == {
        "dann": {"weight": "0.5", "steps": "3"},
        "my.method": {"name": "a=b.c"},
    }


@pytest.mark.parametrize(
    "text",
    ["weight=1", "dann.weight", "dann", "", "=", ".=1", "dann.=1", ".weight=1", "dann.weight:1"],
)
def test_a_parameter_in_another_form_is_refused(text):
    with pytest.raises(
        MedTLError, match=r"given as ALGORITHM.NAME=VALUE, like dann.weight=0.5, but got"
    ):
        plan.split_parameters([text])


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(MedTLError, match=r"'dann.weight' is given twice"):
        plan.split_parameters(["dann.weight=1", "ewc.weight=1", "dann.weight=2"])
