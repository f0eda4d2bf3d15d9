"""Makes a complete plugin package from a template; its own tests pass as they are."""

import builtins
import keyword
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from medtl_bench import __version__
from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import KINDS
from medtl_bench.errors import MedTLError

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".jinja"
USED_BY_TEMPLATES = {
    *("Amount", "Batch", "Clock", "Dataset", "Examiner", "GradientMethod", "Labels", "MakeLearner"),
    *("Network", "Protocol", "ProtocolBoard", "Reading", "Scenario", "Score", "Tensor"),
}


def make(kind: str, name: str, folder: Path) -> Path:
    """Make the package `medtl-NAME` in a folder, whole or not at all, and return its path.

    Raises MedTLError when the name cannot be used, or the package is there already or
    cannot be written.
    """
    values = _values(kind, name)
    made, half = folder / f"medtl-{name}", folder / f".medtl-{name}.{os.getpid()}.tmp"
    try:
        if made.exists():
            raise MedTLError(
                f"There is already something at {made}; choose another name or another folder."
            )
        for path, text in rendered(kind, values):
            (half / path).parent.mkdir(parents=True, exist_ok=True)
            (half / path).write_text(text, encoding="utf-8")
        half.rename(made)
    except OSError as error:
        raise MedTLError(f"Cannot make {made}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return made


def rendered(kind: str, values: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield every file of a template with its path in the package.

    Names of files and folders are templates too.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=select_autoescape(),
    )
    for root in (TEMPLATES / "common", TEMPLATES / kind):
        for file in sorted(root.rglob(f"*{SUFFIX}")):
            path = file.relative_to(root).as_posix().removesuffix(SUFFIX)
            where = environment.from_string(path).render(values)
            template = environment.get_template(file.relative_to(TEMPLATES).as_posix())
            yield Path(where), template.render(values)


def _values(kind: str, name: str) -> dict[str, str]:
    slug = name.replace("-", "_").replace(".", "_")
    class_name = "".join(word.capitalize() for word in slug.split("_"))
    package = f"medtl_{slug}"
    _check(name, slug, class_name)
    if find_spec(package):
        raise MedTLError(
            f"The name {name!r} would give the package {package}, which is installed already."
        )
    return {
        "name": name,
        "slug": slug,
        "package": package,
        "class_name": class_name,
        "version": __version__,
        "what": f"The {kind} {name}",
    }


def _check(name: str, slug: str, class_name: str) -> None:
    """Raise MedTLError where a name cannot name a plugin or a class, or is taken."""
    if not discovery.NAME.fullmatch(name):
        raise MedTLError(
            f"The name {name!r} is not of lower-case letters, digits, dots and dashes."
        )
    reserved = {*dir(builtins), *USED_BY_TEMPLATES}
    if not slug.isidentifier() or keyword.iskeyword(class_name) or class_name in reserved:
        raise MedTLError(
            f"The name {name!r} cannot name a Python class; begin with a letter and avoid names "
            "of Python's own."
        )
    catalogue = discovery.find()
    for kind in KINDS:
        if taken := catalogue.of(kind).get(name):
            raise MedTLError(f"The name {name!r} is taken by {taken.plugin}.")
