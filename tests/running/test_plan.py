"""What a command line means: how many trials, in which order, with which parameters and groups."""

import pytest

from medtl_bench.contract.scenario import Scenario
from medtl_bench.errors import MedTLError
from medtl_bench.running import plan
from medtl_bench.running.plan import PRESETS, AlgorithmFacts, DatasetFacts, Facts


def transfer(name: str, *, optional: bool = False) -> Scenario:
    settings = {"sources": ["a"], "targets": ["b"], "shots": [1, 5], "draws": 1}
    return Scenario(name, settings, optional)


def dataset(name: str, transfers: int = 2, streams: int = 1, optional: int = 0) -> DatasetFacts:
    plain = [transfer(f"t{i}") for i in range(transfers)]
    extra = [transfer(f"o{i}", optional=True) for i in range(optional)]
    order = tuple(Scenario(f"s{i}", {"domains": ["a", "b"]}) for i in range(streams))
    return DatasetFacts(
        name=name,
        digest=f"digest of {name}",
        area="clinical",
        provenance="real",
        task="classification",
        metrics=("balanced_accuracy", "ece"),
        lower_is_better=("ece",),
        classes=("ill", "well"),
        scenarios={"transfer": (*plain, *extra), "stream": order},
    )


def algorithm(name: str, **fields: object) -> AlgorithmFacts:
    facts = {"family": "bound", "source": "here 1", "parameters": {"weight": 1.0}}
    return AlgorithmFacts(**{"name": name, "variant": "weight=1.0"} | facts | fields)


DATASETS = [dataset("first", optional=3), dataset("second", transfers=1)]
ALGORITHMS = [algorithm("dann"), algorithm("ewc")]
BOTH = ("transfer", "stream")


def trials(preset: str, *, protocols=BOTH, datasets=DATASETS, algorithms=ALGORITHMS, **options):
    most = options.pop("most", 1)
    facts = Facts(datasets, algorithms, protocols, {"torch": "2"}, most)
    return plan.trials(facts, PRESETS[preset], **options)


@pytest.mark.parametrize(
    ("preset", "count"),
    [("smoke", 1 * 2 * (2 + 2)), ("default", 5 * 2 * (3 + 2)), ("full", 10 * 2 * (3 + 3 + 2))],
)
def test_a_preset_says_how_many_trials_there_are(preset, count):
    planned = trials(preset)
    assert len(planned) == count
    assert len({p.trial.key for p in planned}) == count


def test_seeds_come_one_after_the_other_so_that_a_run_cut_short_has_whole_seeds():
    seeds = [p.trial.seed for p in trials("default")]
    assert seeds == sorted(seeds)
    assert set(seeds) == set(range(5))
    assert {p.trial.seed for p in trials("default", seeds=3)} == set(range(3))


def test_optional_transfers_run_only_in_full():
    def scenarios(preset):
        return {p.trial.scenario for p in trials(preset)}

    assert not [s for s in scenarios("default") | scenarios("smoke") if s.startswith("o")]
    assert {"o0", "o1", "o2"} < scenarios("full")


def test_an_optional_first_transfer_does_not_use_up_the_smoke_presets_one():
    there = (transfer("o0", optional=True), transfer("t1"), transfer("t0"))
    turned = dataset("d").model_copy(update={"scenarios": {"transfer": there}})
    planned = trials("smoke", datasets=[turned], protocols=["transfer"])
    assert {p.trial.scenario for p in planned} == {"t1"}


def test_protocols_can_be_chosen_and_each_has_settings_of_its_own():
    streams = trials("default", protocols=["stream"])
    assert {p.trial.protocol for p in streams} == {"stream"}
    assert all(p.trial.settings == {"domains": ["a", "b"]} for p in streams)
    transfers = trials("default", protocols=["transfer"])
    assert {p.trial.protocol for p in transfers} == {"transfer"}
    assert all(p.trial.settings == transfer("t").settings for p in transfers)
    assert len(streams) + len(transfers) == len(trials("default"))


def test_a_trial_holds_the_facts_its_scores_depend_on_and_the_boards_get_the_rest():
    trial, about, skipped, group, *_ = trials("smoke")[0]
    assert (skipped, group) == ("", 0)
    assert (trial.dataset, trial.dataset_digest) == ("first", "digest of first")
    assert (trial.algorithm, trial.algorithm_source) == ("dann", "here 1")
    assert (trial.parameters, trial.versions) == ({"weight": 1.0}, {"torch": "2"})
    assert (trial.stacked, trial.packages, trial.plugins) == (False, {}, {})
    assert (about.area, about.task, about.family) == ("clinical", "classification", "bound")
    assert about.variant == "weight=1.0"
    assert (about.metrics, about.lower_is_better) == (("balanced_accuracy", "ece"), ("ece",))
    assert about.classes == ("ill", "well")
    assert (about.quick, about.optional) == (True, False)
    assert {one.about.optional for one in trials("full")} == {True, False}
    assert not any(one.about.quick for one in trials("default"))


def test_sources_of_plugins_stand_in_those_trials_whose_scores_depend_on_them():
    theirs = {"metric loss": "a 1 x", "protocol stream": "b 1 y"}
    data = dataset("d").model_copy(update={"plugins": theirs})
    method = algorithm("dann", plugins={"backbone wide": "c 1 z"}, packages={"scipy": "1.13"})
    planned = trials("smoke", datasets=[data], algorithms=[method])
    by_protocol = {p.trial.protocol: p.trial for p in planned}
    assert set(by_protocol["transfer"].plugins) == {"metric loss", "backbone wide"}
    assert set(by_protocol["stream"].plugins) == {"metric loss", "protocol stream", "backbone wide"}
    assert {tuple(p.trial.packages.items()) for p in planned} == {(("scipy", "1.13"),)}


def test_what_an_algorithm_cannot_do_is_planned_with_the_reason():
    data = dataset("d").model_copy(update={"refused": {"ewc": "it has no stream"}})
    lacking = algorithm("lacking", missing="install medtl-bench[peers]: x is missing")
    planned = trials("smoke", datasets=[data], algorithms=[*ALGORITHMS, lacking])
    assert {p.trial.algorithm: p.skipped for p in planned} == {
        "dann": "",
        "ewc": "it has no stream",
        "lacking": "install medtl-bench[peers]: x is missing",
    }


STACKING = [algorithm("fine-tune", stacks=True), algorithm("chance")]


def test_groups_hold_one_algorithm_on_one_dataset_and_protocol_and_no_more_than_asked():
    planned = trials("default", algorithms=STACKING, most=2)
    groups = {}
    for one in planned:
        groups.setdefault(one.group, []).append(one.trial)
    for group in groups.values():
        assert len({(t.dataset, t.protocol, t.algorithm) for t in group}) == 1
        assert len(group) <= (2 if group[0].algorithm == "fine-tune" else 1)
    assert max(map(len, groups.values())) == 2


def test_trials_of_other_folds_run_in_other_processes():
    data = dataset("d").model_copy(update={"folds": 3})
    planned = trials("default", datasets=[data], algorithms=STACKING, most=64, seeds=6)
    folds: dict[int, set[int]] = {}
    for one in planned:
        assert one.fold == one.trial.seed % 3
        folds.setdefault(one.group, set()).add(one.fold)
    assert all(len(held) == 1 for held in folds.values())
    stacks = {p.group for p in planned if p.trial.algorithm == "fine-tune"}
    assert len(stacks) == 2 * 3  # protocols, folds


def variants(*changes: dict[str, object]) -> list[AlgorithmFacts]:
    """Return one method with other parameters each time, as a sweep asks for it."""
    each = [{"weight": 1.0, "steps": 5, "on": False} | change for change in changes]
    return [
        algorithm("fine-tune", stacks=True, parameters=one, variant=str(number))
        for number, one in enumerate(each)
    ]


def test_variants_that_differ_in_real_numbers_share_groups():
    several = variants({}, {"weight": 2.0}, {"weight": 0.5})
    planned = trials("default", protocols=["transfer"], algorithms=several, most=64)
    assert len({p.group for p in planned}) == len(DATASETS)
    assert len({p.trial.key for p in planned}) == len(planned)


def test_variants_that_differ_otherwise_share_none():
    several = variants({}, {"steps": 6}, {"on": True}, {"weight": None})
    planned = trials("default", algorithms=several, most=64)
    groups = {(p.group, p.about.variant) for p in planned}
    assert len(groups) == len({group for group, _ in groups})


def test_what_cannot_run_is_in_no_group_with_what_can():
    data = dataset("d").model_copy(update={"refused": {"fine-tune": "it cannot"}})
    planned = trials("default", datasets=[data], algorithms=STACKING, most=64)
    assert len({p.group for p in planned}) == len(planned)
    assert not any(p.trial.stacked for p in planned)


def stacked(**options) -> dict[str, bool]:
    return {p.trial.algorithm: p.trial.stacked for p in trials("default", **options)}


def test_whether_it_may_be_stacked_is_part_of_a_trial():
    beside = stacked(algorithms=STACKING, most=64)
    assert beside == {"fine-tune": True, "chance": False}
    assert stacked(algorithms=STACKING, most=1) == {"fine-tune": False, "chance": False}


def keys(**options) -> set[str]:
    return {p.trial.key for p in trials("default", algorithms=STACKING, most=64, **options)}


def test_a_key_does_not_depend_on_what_else_is_asked_for():
    every = keys()
    assert keys(seeds=1) < every
    assert keys(protocols=["stream"]) < every
    assert keys(datasets=DATASETS[1:]) < every
    assert keys(datasets=DATASETS[1:], protocols=["stream"], seeds=1) < every
    assert every < keys(datasets=[dataset("first", transfers=30), *DATASETS[1:]])


def test_presets_agree_on_what_they_share():
    smoke, default, full = (PRESETS[name].amount for name in ("smoke", "default", "full"))
    assert set(smoke.shots) < set(default.shots) == set(full.shots)
    assert PRESETS["default"].amount == PRESETS["published"].amount
    assert 5 <= PRESETS["quick"].seeds == PRESETS["default"].seeds < PRESETS["published"].seeds


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


def test_a_trial_says_how_rows_are_sampled_where_that_was_left_to_the_metric():
    data = [
        dataset("rare").model_copy(update={"metrics": ("balanced_accuracy",)}),
        dataset("ranked").model_copy(update={"metrics": ("roc_auc",)}),
    ]
    left = algorithm("left").model_copy(update={"parameters": {"sampling": ""}})
    said = algorithm("said").model_copy(update={"parameters": {"sampling": "natural"}})
    planned = trials("smoke", datasets=data, algorithms=[left, said])
    told = {(p.trial.algorithm, p.trial.dataset, p.trial.parameters["sampling"]) for p in planned}
    assert told == {
        ("left", "rare", "balanced"),
        ("left", "ranked", "natural"),
        ("said", "rare", "natural"),
        ("said", "ranked", "natural"),
    }
