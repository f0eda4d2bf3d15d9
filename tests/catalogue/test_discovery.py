"""Plugins: a broken one is named with its reason, and all others work."""

import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from medtl_bench.catalogue import discovery, entries
from medtl_bench.contract.hooks import GROUP
from medtl_bench.errors import MedTLError

GOOD = """
@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("good-one", "collections:OrderedDict", "Does little.", "baseline")]
"""
TINY = str(Path(__file__).parents[1] / "plugins_for_tests" / "tiny.py")


def one_broken(*files: str) -> entries.Broken:
    found = discovery.find(files)
    (broken,) = [b for b in found.broken if b.plugin.distribution == "a file"]
    return broken


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('no licence')", "importing it raised ValueError: no licence"),
        ("import a_package_that_is_not_there", "importing it raised ModuleNotFoundError: No module named"),  # noqa: E501
        ("def broken(:", "importing it raised SyntaxError"),
        ("raise SystemExit(3)", "importing it raised SystemExit: 3"),
        ("import sys; sys.exit('bye')", "importing it raised SystemExit: bye"),
        ("print('hello')" + GOOD, r"importing it printed to standard output: 'hello\\n'"),
        ("x = 1", "it implements no hook; mark functions named in contract/hooks.py @hookimpl"),
        (GOOD.replace("medtl_algorithms", "medtl_algoritms"), "unknown hook 'medtl_algoritms'"),
        (GOOD.replace("()", "(config)", 1), "Argument.*config"),
        (GOOD.replace("return", "print(1); return"), r"calling its hooks printed to standard output: '1\\n'"),  # noqa: E501
        (GOOD.replace("return", "raise OSError('gone')\n    return"), "calling its hooks raised OSError: gone"),  # noqa: E501
        (GOOD.replace("return [", "["), "calling its hooks raised TypeError: medtl_algorithms returned nothing"),  # noqa: E501
        (GOOD.replace("[Algo", "Algo").replace('")]', '")'), "calling its hooks raised TypeError: .*not iterable"),  # noqa: E501
        (GOOD.replace("[Algo", "['dann', Algo"), "a hook returned 'dann', which is no AlgorithmEntry"),  # noqa: E501
        (GOOD.replace("medtl_algorithms", "medtl_datasets"), "which is no DatasetEntry"),
        (GOOD.replace("good-one", "Good One"), "the algorithm name 'Good One' is not of lower-case letters"),  # noqa: E501
        (GOOD.replace("good-one", "../../x"), r"the algorithm name '../../x' is not of lower-case letters"),  # noqa: E501
        (GOOD.replace('"good-one"', "7"), "the algorithm name 7 is not"),
        (GOOD.replace("good-one", ""), "the algorithm name '' is not"),
        (GOOD.replace('"baseline"', '"Meta_learning"'), "family 'Meta_learning' is not of lower-case words"),  # noqa: E501
        (GOOD.replace("good-one", "x" * 65), "is not of lower-case letters, digits, dots and dashes"),  # noqa: E501
        (GOOD.replace('return [', 'return 2 * ['), "it brings the algorithm name 'good-one' twice"),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_named_with_the_reason_and_the_rest_works(write_plugin, body, why):
    bad, before = write_plugin(body), discovery.find()
    broken = one_broken(bad)
    assert (broken.plugin.name, broken.plugin.distribution, broken.plugin.file) == (
        "under_test",
        "a file",
        bad,
    )
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(broken.reason)
    after = discovery.find([bad, TINY])
    assert set(after.algorithms) == {*before.algorithms, "column", "only-masks"}
    assert set(after.datasets) >= {*before.datasets, "tiny"}


def test_a_taken_name_is_refused_naming_both_plugins(write_plugin):
    first, second = write_plugin(GOOD, "first"), write_plugin(GOOD, "second")
    found = discovery.find([first, second])
    assert found.algorithms["good-one"].plugin.file == first
    (broken,) = [b for b in found.broken if b.plugin.file == second]
    assert (
        broken.reason
        == f"the algorithm name 'good-one' is taken by plugin 'first' of a file ({first})"
    )
    assert str(broken.plugin) == f"plugin 'second' of a file ({second})"


def test_a_first_party_name_is_not_for_strangers(write_plugin):
    broken = one_broken(write_plugin(GOOD.replace("good-one", "dann")))
    assert broken.reason.startswith(
        "the algorithm name 'dann' is taken by plugin 'dann' of medtl-bench"
    )


def test_a_plugin_that_brings_a_taken_name_brings_nothing_else(write_plugin):
    extra = ', AlgorithmEntry("dann", "x:y", "Another.", "baseline")]'
    assert (
        "good-one" not in discovery.find([write_plugin(GOOD.replace(")]", ")" + extra))]).algorithms
    )


def test_an_algorithm_and_a_dataset_may_share_a_name(write_plugin):
    data = '    return [DatasetEntry("good-one", "x:y", "Data.", "clinical")]\n'
    both = GOOD + "@hookimpl\ndef medtl_datasets():\n" + data
    found = discovery.find([write_plugin(both)])
    assert "good-one" in found.algorithms
    assert "good-one" in found.datasets


@pytest.mark.parametrize("family", ["test-time", "prompt learning", "bound"])
def test_families_are_an_open_vocabulary(write_plugin, family):
    catalogue = discovery.find([write_plugin(GOOD.replace("baseline", family))])
    assert catalogue.algorithms["good-one"].entry.family == family


@pytest.mark.parametrize("family", ["Domain adaptation", "", "bound\n", "-", "a" * 41, None, 3])
def test_a_family_is_of_a_few_lower_case_words(write_plugin, family):
    broken = one_broken(write_plugin(GOOD.replace('"baseline"', repr(family))))
    assert broken.reason == f"the family {family!r} is not of lower-case words"


def test_what_cannot_even_be_checked_breaks_a_plugin(write_plugin):
    body = (
        "@hookimpl\ndef medtl_datasets():\n"
        "    return [DatasetEntry('odd', 'x:y', 'Odd.', 'clinical', None)]\n"
    )
    broken = one_broken(write_plugin(body))
    assert broken.reason.startswith("checking what it brings raised TypeError: ")


def test_what_was_found_last_is_current(write_plugin):
    catalogue = discovery.find([write_plugin(GOOD)])
    assert discovery.current() is catalogue
    assert "good-one" not in discovery.find().algorithms
    assert discovery.current() is not catalogue


def test_hooks_of_the_projects_own_plugins_can_be_called_at_any_time(write_plugin):
    catalogue = discovery.find([write_plugin(GOOD)])
    lists = catalogue.manager.hook.medtl_algorithms()
    names = sorted(entry.name for entries_ in lists for entry in entries_)
    assert names == [name for name in catalogue.algorithms if name != "good-one"]


def test_the_core_enters_like_any_plugin(monkeypatch):
    catalogue = discovery.find()
    brought = (
        catalogue.metrics["accuracy"],
        catalogue.protocols["stream"],
        catalogue.backbones["u-net"],
        catalogue.executors["processes"],
    )
    assert {(one.plugin.name, one.plugin.is_core) for one in brought} == {("core", True)}
    without = [point for point in discovery.entry_points(group=GROUP) if point.name != "core"]
    with monkeypatch.context() as patched:
        patched.setattr(discovery, "entry_points", lambda group: without)
        bare = discovery.find()
    discovery.find()  # and the metrics are there again
    assert bare.protocols == bare.metrics == bare.backbones == bare.executors == {}
    assert "dann" in bare.algorithms


def test_a_file_that_is_not_there_is_a_mistake_of_the_user():
    with pytest.raises(MedTLError, match=r"There is no plugin file 'nowhere/x.py'\."):
        discovery.find(["nowhere/x.py"])


def test_a_file_that_is_no_python_is_broken(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert (
        one_broken(str(path)).reason
        == "importing it raised ImportError: notes.txt is not a Python file"
    )


def test_strict_makes_a_broken_plugin_an_error(write_plugin, monkeypatch):
    monkeypatch.setenv(discovery.STRICT, "1")
    bad = write_plugin("raise ValueError('no licence')")
    with pytest.raises(MedTLError, match="is broken: "):
        discovery.find([bad])


def test_an_interrupt_of_the_user_is_not_the_plugins_fault(write_plugin):
    interrupt = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"
    plugin, start = write_plugin(interrupt), time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # xdist ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            discovery.find([plugin])
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 30


def test_names_are_in_order_and_first_party_plugins_enter_by_entry_points():
    found = discovery.find([TINY])
    assert list(found.algorithms) == sorted(found.algorithms)
    assert list(found.datasets) == sorted(found.datasets)
    assert found.algorithms["dann"].plugin.distribution == "medtl-bench"
    assert Path(found.algorithms["dann"].plugin.file).parts[-2:] == ("medtl_dann", "__init__.py")


class Stranger(metadata.Distribution):
    """A distribution of someone else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        return (
            f"Metadata-Version: 2.1\nName: {self._name}\nVersion: 7.1\n"
            if filename == "METADATA"
            else None
        )

    def locate_file(self, path: str) -> Path:
        return Path(path)


def installed(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str, str]) -> entries.Catalogue:
    """Return what is found where these (distribution, name, module) are installed too."""
    own = list(metadata.entry_points(group=GROUP))
    theirs = [
        metadata.EntryPoint(n, module, GROUP)._for(Stranger(dist)) for dist, n, module in points
    ]
    monkeypatch.setattr(discovery, "entry_points", lambda group: [*theirs, *own])
    return discovery.find()


def test_a_strangers_package_enters_by_the_same_door(monkeypatch, write_plugin, tmp_path):
    write_plugin(GOOD, "strange_plugin")
    monkeypatch.syspath_prepend(tmp_path)
    found = installed(monkeypatch, ("someones-bench", "strange", "strange_plugin"))
    plugin = found.algorithms["good-one"].plugin
    assert (plugin.name, plugin.distribution, plugin.version) == (
        "strange",
        "someones-bench",
        "7.1",
    )
    assert plugin.file == str(tmp_path / "strange_plugin.py")
    assert plugin.source.startswith("someones-bench 7.1 ")


def test_a_strangers_broken_package_is_named_with_distribution_and_file(
    monkeypatch, write_plugin, tmp_path
):
    path = write_plugin("raise RuntimeError('half installed')", "strange_wreck")
    monkeypatch.syspath_prepend(tmp_path)
    found = installed(
        monkeypatch, ("aaa-first", "wreck", "strange_wreck"), ("gone", "gone", "not_there_at_all")
    )
    told = {str(b.plugin): b.reason for b in found.broken if b.plugin.distribution != "medtl-bench"}
    assert (
        told[f"plugin 'wreck' of aaa-first ({path})"]
        == "importing it raised RuntimeError: half installed"
    )
    assert "ModuleNotFoundError" in told["plugin 'gone' of gone (no file)"]
    assert "dann" in found.algorithms


def test_first_party_plugins_come_first_whatever_strangers_are_called(
    monkeypatch, write_plugin, tmp_path
):
    write_plugin(GOOD.replace("good-one", "dann"), "strange_thief")
    monkeypatch.syspath_prepend(tmp_path)
    found = installed(monkeypatch, ("a-thief", "a", "strange_thief"))
    assert found.algorithms["dann"].plugin.distribution == "medtl-bench"
    assert "is taken by plugin 'dann' of medtl-bench" in next(
        b.reason for b in found.broken if b.plugin.name == "a"
    )


def test_two_files_of_one_name_do_not_share_a_module(tmp_path):
    body = (
        "from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl\n"
        "class Made: place = {0!r}\n" + GOOD
    )
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(str(tmp_path / name / "plugin.py"))
        Path(files[-1]).write_text(
            body.format(name)
            .replace("good-one", f"good-{name}")
            .replace('"collections:OrderedDict"', "Made")
        )
    found = discovery.find(files)
    entries_ = [found.algorithms[f"good-{name}"] for name in ("one", "two")]
    classes = [one.load(one.entry.implementation) for one in entries_]
    assert [sys.modules[cls.__module__].Made.place for cls in classes] == ["one", "two"]


DATASET = """
def build():
    {0}

@hookimpl
def medtl_datasets():
    return [DatasetEntry("odd", build, "Odd.", "clinical")]
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--help"], ["data", "--help"], ["--version"]]
)
def test_help_and_list_import_neither_torch_nor_pandas(arguments):
    code = (
        "import sys\nfrom medtl_bench.cli import main as cli\n"
        "sys.argv = ['medtl-bench', *sys.argv[1:]]\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'sklearn', 'matplotlib', 'tensordict'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"
