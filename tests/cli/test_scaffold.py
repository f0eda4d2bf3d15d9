import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from medtl_bench.cli import scaffold
from medtl_bench.errors import MedTLError

ROOT = Path(__file__).parents[2]
MODULES = {
    "algorithm": ["method"],
    "dataset": ["dataset"],
    "metric": ["metric"],
    "protocol": ["board", "examination"],
    "backbone": ["backbone"],
}
KINDS = list(MODULES)


def run(*command: str | Path, folder: Path) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP"))
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(kind: str, tmp_path: Path) -> None:
    made = scaffold.make(kind, "my-new.thing2", tmp_path)
    assert made == tmp_path / "medtl-my-new.thing2"
    assert {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()} == {
        "README.md",
        "pyproject.toml",
        "tests/test_my_new_thing2.py",
        "medtl_my_new_thing2/__init__.py",
        *(f"medtl_my_new_thing2/{module}.py" for module in MODULES[kind]),
    }
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


@pytest.mark.parametrize("kind", KINDS)
def test_its_files_can_be_read(kind: str, tmp_path: Path) -> None:
    made = scaffold.make(kind, "my-thing", tmp_path)
    for path in made.rglob("*.py"):
        compile(path.read_text(), path, "exec")
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["medtl_bench"] == {"my-thing": "medtl_my_thing"}
    assert not any("{{" in path.read_text() for path in made.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_this_projects_rules(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    made = scaffold.make(kind, "my-thing", tmp_path)
    for verb in (["check"], ["format", "--check"]):
        run(
            sys.executable,
            "-m",
            "ruff",
            *verb,
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
            ".",
            folder=made,
        )


@pytest.mark.parametrize(
    "name", ["", "My-Method", "../up", "a b", "-x", "x-", "é", "a/b", "x" * 65, "a\n"]
)
def test_a_name_that_no_plugin_may_have_is_refused(name: str, tmp_path: Path) -> None:
    refused(name, tmp_path, "is not of lower-case letters, digits, dots and dashes")


@pytest.mark.parametrize("name", ["3d", "none", "true", "tensor", "gradient-method", "exception"])
def test_a_name_that_cannot_name_a_class_is_refused(name: str, tmp_path: Path) -> None:
    refused(name, tmp_path, "cannot name a Python class")


@pytest.mark.parametrize(
    ("name", "sentence"), [("dann", "is taken by plugin 'dann'"), ("bench", "package medtl_bench")]
)
def test_a_taken_name_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    refused(name, tmp_path, sentence)


def refused(name: str, folder: Path, sentence: str) -> None:
    with pytest.raises(MedTLError, match=sentence) as caught:
        scaffold.make("algorithm", name, folder)
    assert "\n" not in str(caught.value)
    assert not list(folder.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "medtl-mine").mkdir()
    with pytest.raises(MedTLError, match="already something at"):
        scaffold.make("dataset", "mine", tmp_path)
    assert not list((tmp_path / "medtl-mine").iterdir())


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MedTLError, match=r"Cannot make .*: Not a directory"):
        scaffold.make("dataset", "mine", tmp_path / "file")


def test_nothing_is_left_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(MedTLError, match=r"Cannot make .*: No space left on device"):
        scaffold.make("dataset", "mine", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert scaffold.make("dataset", "mine", tmp_path / "new" / "folder").is_dir()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh virtual environment with this working tree and the packages of ours."""
    folder = tmp_path_factory.mktemp("fresh")
    hidden = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("medtl_bench", "plugins"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=hidden)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", folder=folder)
    site = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"])
    install(folder / "env", folder / "source")
    return folder / "env"


def install(environment: Path, package: Path) -> None:
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        environment / "bin" / "python",
        "install",
        "--quiet",
        "--no-index",
    )
    run(*pip, "--no-deps", "--no-build-isolation", package, folder=package)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "scenario"),
    [
        ("algorithm", ["-d", "shifted-toy", "-a", "my-algorithm"]),
        ("dataset", ["-d", "my-dataset", "-a", "nearest-centroid"]),
        ("metric", ["-d", "shifted-toy", "-a", "nearest-centroid"]),
        ("protocol", ["-d", "shifted-toy", "-a", "dann", "--protocol", "my-protocol"]),
        (
            "backbone",
            ["-d", "shifted-toy", "-a", "dann", "-p", "dann.backbone=my-backbone"],
        ),
    ],
)
def test_an_installed_package_is_listed_passes_its_tests_and_runs(
    kind: str, scenario: list[str], environment: Path, tmp_path: Path
) -> None:
    medtl, name = environment / "bin" / "medtl-bench", f"my-{kind}"
    made = tmp_path / f"medtl-{name}"
    run(medtl, "new", kind, name, folder=tmp_path)
    install(environment, made)
    where = run(
        environment / "bin" / "python",
        "-c",
        "import medtl_bench; print(medtl_bench.__file__)",
        folder=tmp_path,
    )
    assert where.startswith(str(environment))
    listed = run(medtl, "list", folder=tmp_path)
    assert name in listed
    assert "Broken" not in listed
    assert "0 failed" in run(medtl, "check", name, folder=tmp_path)
    tested = run(
        environment / "bin" / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        made,
        folder=tmp_path,
    )
    assert " passed" in tested
    run(medtl, "run", *scenario, "--preset", "smoke", "--out", "results", folder=tmp_path)
    assert list((tmp_path / "results" / "results").rglob("*.json"))
