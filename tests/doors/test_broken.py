"""A plugin that breaks one of the eight hooks breaks itself alone, whichever hook it is."""

import pytest

from medtl_bench.catalogue import discovery, entries
from medtl_bench.catalogue.entries import KINDS, Kind

# what an entry of each kind is made of, after its name
REST = {
    "algorithm": '"x:y", "One.", "baseline"',
    "dataset": '"x:y", "One.", "clinical"',
    "metric": '"x:y", "One.", ("classification",)',
    "protocol": '"x:y", "One.", ""',
    "backbone": '"x:y", "One.", "vectors"',
    "executor": '"x:y", "One."',
    "observer": '"x:y", "One."',
    "effect": '"One.", "tiny", "target 0", ("a",), ("b",)',
}
TAKEN = {
    "algorithm": "dann",
    "dataset": "heart-disease",
    "metric": "accuracy",
    "protocol": "stream",
    "backbone": "u-net",
    "executor": "processes",
    "observer": "notebook",
    "effect": "harmony-mixes",
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.one)


def sound(kind: Kind, name: str = "sound") -> str:
    """Return a plugin that brings one entry of a kind."""
    entry = kind.entry.__name__
    return (
        f"from medtl_bench.contract.hooks import {entry}\n\n@hookimpl\n"
        f'def medtl_{kind.many}():\n    return [{entry}("{name}", {REST[kind.one]})]\n'
    )


def misspelled(kind: Kind) -> str:
    return sound(kind).replace(f"medtl_{kind.many}", f"medtl_{kind.many[:-2]}s")


def with_arguments(kind: Kind) -> str:
    return sound(kind).replace("()", "(config)", 1)


def without_return(kind: Kind) -> str:
    return sound(kind).replace("return [", "[")


def with_text(kind: Kind) -> str:
    return sound(kind).replace("return [", "return ['odd', ")


def with_bad_name(kind: Kind) -> str:
    return sound(kind, "Un Sound")


def with_two_of_a_name(kind: Kind) -> str:
    return sound(kind).replace("return ", "return 2 * ")


def with_taken_name(kind: Kind) -> str:
    return sound(kind, TAKEN[kind.one])


BREAKS = {
    misspelled: "registering it raised PluginValidationError: unknown hook 'medtl_{misspelled}'",
    with_arguments: "registering it raised PluginValidationError: (?s:.*)'config'",
    without_return: "calling its hooks raised TypeError: medtl_{many} returned nothing, "
    "but a list of {entry} was expected",
    with_text: "calling its hooks raised TypeError: a hook returned 'odd', which is no {entry}",
    with_bad_name: "the {one} name 'Un Sound' is not of lower-case letters, digits, dots and",
    with_two_of_a_name: "it brings the {one} name 'sound' twice",
    with_taken_name: "the {one} name '{taken}' is taken by plugin ",
}


@pytest.fixture
def before(plugin_file):
    """Return what there is without a broken plugin: the project's own, and an observer."""
    return discovery.find([plugin_file("own_observers")])


def contents(catalogue: entries.Catalogue) -> dict[str, list[str]]:
    return {kind.one: list(catalogue.of(kind)) for kind in KINDS}


@every_kind
def test_a_sound_plugin_of_each_kind_works(write_plugin, before, plugin_file, kind):
    catalogue = discovery.find([plugin_file("own_observers"), write_plugin(sound(kind))])
    assert "sound" in catalogue.of(kind)
    assert catalogue.broken == before.broken


@every_kind
@pytest.mark.parametrize("break_", BREAKS, ids=lambda break_: break_.__name__)
def test_a_broken_plugin_is_told_and_leaves_nothing(
    write_plugin, before, plugin_file, kind, break_
):
    file = write_plugin(break_(kind))
    catalogue = discovery.find([plugin_file("own_observers"), file])
    (broken,) = [one for one in catalogue.broken if one.plugin.file == file]
    names = {"one": kind.one, "many": kind.many, "entry": kind.entry.__name__}
    names |= {"taken": TAKEN[kind.one], "misspelled": f"{kind.many[:-2]}s"}
    with pytest.raises(AssertionError, match=BREAKS[break_].format(**names)):
        raise AssertionError(broken.reason)
    assert contents(catalogue) == contents(before)
    plugins = [catalogue.manager.get_name(p) for p in catalogue.manager.get_plugins()]
    expected = [before.manager.get_name(p) for p in before.manager.get_plugins()]
    assert sorted(plugins) == sorted(expected)
    assert str(broken.plugin) not in plugins
    catalogue.manager.check_pending()
    for kind_ in KINDS:
        assert len(getattr(catalogue.manager.hook, f"medtl_{kind_.many}")()) == len(
            getattr(before.manager.hook, f"medtl_{kind_.many}")()
        )


@every_kind
def test_a_plugin_that_breaks_one_hook_brings_nothing_by_another(
    write_plugin, before, plugin_file, kind
):
    other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]
    file = write_plugin(sound(other) + with_bad_name(kind))
    catalogue = discovery.find([plugin_file("own_observers"), file])
    assert contents(catalogue) == contents(before)


@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        ("dataset", '"clincal"', "no area named 'clincal'; did you mean 'clinical'?"),
        ("backbone", '"vector"', "no kind of input named 'vector'; did you mean 'vectors'?"),
        ("algorithm", '"Base line"', "the family 'Base line' is not of lower-case words"),
    ],
)
def test_a_word_that_is_none_of_the_vocabulary_breaks_a_plugin(write_plugin, kind, wrong, told):
    (which,) = [one for one in KINDS if one.one == kind]
    right = REST[kind].rpartition(", ")[2]
    (broken,) = discovery.find([write_plugin(sound(which).replace(right, wrong))]).broken
    assert told in broken.reason
