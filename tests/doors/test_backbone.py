"""A backbone comes as a plugin, and is chosen by a parameter of any gradient method."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.networks.choice import backbones
from medtl_bench.randomness import generator
from tests.plugins_for_tests.own_backbone import WEIGHTS
from tests.plugins_for_tests.tiny import build

NAMES = ("tiny", "own_backbone")
WORDS = ("-d", "tiny", "-a", "fine-tune", "--protocol", "transfer")


def chosen(name: str) -> tuple[object, ...]:
    return (*WORDS, "-p", f"fine-tune.backbone={name}")


def test_the_network_is_the_one_that_is_named(plugin_file):
    catalogue = discovery.find([plugin_file("own_backbone")])
    data, method = build(), catalogue.algorithm("fine-tune")
    made = {}
    for name in ("", "one-layer"):
        learner = method(data.task, generator("backbone"), steps=2, backbone=name)
        learner.fit([data.domains[0].train], data.domains[2].train.x)
        made[name] = learner.net.module["features"]
    assert type(made["one-layer"]).__name__ == "OneLayer"
    assert type(made[""]).__name__ != "OneLayer"
    assert [p.shape for p in made["one-layer"].parameters()] == [(64, 3), (64,)]
    x = data.domains[0].train.x
    assert made["one-layer"](x).shape == (len(x), 64)
    assert type(backbones(x, 8, dense=False)["x"]).__name__ != "OneLayer"


def test_its_source_stands_in_the_trial_and_its_scores_are_others(run):
    (plain,) = run(*WORDS, names=NAMES, out="plain")
    (other,) = run(*chosen("one-layer"), names=NAMES, out="other")
    source = discovery.current().backbones["one-layer"].plugin.source
    assert plain.trial.plugins == {}
    assert other.trial.plugins == {"backbone one-layer": f"{source} {WEIGHTS}"}
    assert other.trial.parameters["backbone"] == "one-layer"
    assert other.about.variant == "backbone=one-layer"
    assert other.outcome.scores != plain.outcome.scores


def test_one_of_the_projects_own_has_no_source_of_its_own(run):
    (plain,) = run(*WORDS, out="plain")
    (named,) = run(*chosen("perceptron"), out="named")
    assert named.trial.plugins == {}
    assert named.outcome.scores == plain.outcome.scores


def test_trials_with_it_can_be_trained_as_one(run):
    records = run(*chosen("one-layer"), "--seeds", 3, names=NAMES)
    assert {(r.trial.stacked, r.outcome.stacked) for r in records} == {(True, 3)}
    assert {r.outcome.log for r in records} == {""}


def test_a_wrong_name_tells_near_matches(medtl, plugins, tmp_path):
    words = (*plugins(*NAMES), "--on", "in-process", "--out", tmp_path)
    answer = medtl("run", *words, *chosen("one-leyer"))
    assert answer.code == 2
    told = "There is no backbone named 'one-leyer'; did you mean 'one-layer'?"
    assert answer.sentence == told


@pytest.mark.parametrize("name", ["u-net", "token-convolutions"])
def test_one_that_takes_other_inputs_is_told(medtl, plugins, tmp_path, name):
    words = (*plugins("tiny"), "--on", "in-process", "--out", tmp_path, "--preset", "smoke")
    answer = medtl("run", *words, *chosen(name))
    assert answer.code == 1
    takes = {"u-net": "masks", "token-convolutions": "tokens"}[name]
    told = f"The backbone {name!r} takes {takes}, but the inputs are vectors."
    assert told in answer.out
