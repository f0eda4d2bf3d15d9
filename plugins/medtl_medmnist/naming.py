"""Which sets an argument like "bloodmnist+dermamnist" names, and what they need."""

import re
from collections.abc import Sequence

from medtl_bench.errors import MedTLError, unknown
from medtl_bench.files.downloads import Download
from medtl_medmnist.sets import SETS, SIDE, Set

VOLUMES = (
    *("organmnist3d", "nodulemnist3d", "adrenalmnist3d", "fracturemnist3d", "vesselmnist3d"),
    "synapsemnist3d",
)
# as the files of other sizes are called, bloodmnist_64, and as people write it
SIZED = re.compile(r"([a-z]+mnist(?:3d)?)[-_@?& ]*(?:(?:size|side)=)?([0-9]+)?(?:px)?")


def chosen(argument: str) -> list[Set]:
    """Return the sets named in an argument, joined by "+", in the order of their names.

    Raises MedTLError on an unknown one, another size than 28, volumes, one twice, or a lone task.
    """
    names = [_name(text) for text in argument.split("+")]
    if len(set(names)) < len(names):
        raise MedTLError(f"Each set of MedMNIST may be named once, but got {argument!r}.")
    sets = [SETS[name] for name in sorted(names)]
    if sum(len(dataset.tasks) for dataset in sets) < 2:
        raise MedTLError(
            f"{argument} makes one task, and transfer needs two; join it with another "
            f"set, like {argument}+octmnist."
        )
    return sets


def _name(text: str) -> str:
    """Return the name of the set that a text means; raises MedTLError where it is not had."""
    sized = SIZED.fullmatch(text.strip().casefold())
    name, side = sized.groups() if sized else (text, None)
    if name in VOLUMES:
        raise MedTLError(
            f"{name} holds volumes, which no network here takes; medmnist: has the 2D sets "
            f"{', '.join(SETS)}."
        )
    if name not in SETS:
        raise unknown("2D set of MedMNIST", text, SETS)
    if side and int(side) != SIDE:
        raise MedTLError(
            f"{text} would be {name} in {side} x {side} pixels, but medmnist: has its sets in "
            f"{SIDE} x {SIDE} only, as medmnist:{name}."
        )
    return name


def joined(sets: Sequence[Set]) -> str:
    """Return the argument that names some sets, the same whatever their order was."""
    return "+".join(dataset.name for dataset in sets)


def download(argument: str) -> Download:
    """Return the files that an argument needs, and their licences."""
    sets = chosen(argument)
    return Download(licences(sets), tuple(dataset.remote for dataset in sets))


def licences(sets: Sequence[Set]) -> str:
    """Return the licence of each set, in words."""
    return ", ".join(f"{dataset.licence} ({dataset.name})" for dataset in sets)
