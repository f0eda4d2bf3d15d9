"""Writes everything to a folder: pages, pictures and sheets, and a list of them.

By the list an earlier run's files are known, so that stale ones can go.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from medtl_bench.board.build import Board
from medtl_bench.errors import MedTLError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.report.csv_files import ranks_sheet, scores_sheet, summary_sheet
from medtl_bench.report.pages.dataset import Pages, Part, dataset_page, parts_of
from medtl_bench.report.pages.effects import effects_page
from medtl_bench.report.pages.overview import Place, area_page, diagrams, overall_page
from medtl_bench.report.pages.protocol import Protocol
from medtl_bench.report.pages.quality import quality_page
from medtl_bench.report.pages.scorers import scorers_page
from medtl_bench.report.text.escape import Safe, file_names

LIST = "files.txt"
OURS = re.compile(
    r"(README|quality|controls|scorers)\.md|overall\.csv|scores\.csv\.gz"
    r"|(areas|datasets|ranks)/[a-z0-9-]+\.(md|csv|svg)"
)
Files = dict[str, str | bytes]
Key = tuple[str, ...]
OVERALL: Key = ("overall",)


def write_boards(
    board: Board, damaged: Mapping[Path, str], out: Path, protocols: Mapping[str, Protocol]
) -> list[Path]:
    """Write a board to a folder and return the files.

    The same records give the same bytes. damaged: result files that could not be read, and
    why. protocols: both halves by name; tables and columns stand in their order. Files of
    an earlier run that are not written again are removed. Raises MedTLError where a file
    stands in the way that no earlier run wrote, IntegrityError where one cannot be written.
    """
    files = render(board, damaged, {name: protocol.page for name, protocol in protocols.items()})
    earlier = _listed(out)
    _refuse_to_overwrite(out, set(files) - earlier)
    _list(out, {*files, *earlier})
    for name, content in files.items():
        write_atomically(out / name, content)
    for name in sorted(earlier - set(files)):
        (out / name).unlink(missing_ok=True)
    _list(out, set(files))
    return [out / name for name in sorted([*files, LIST])]


def render(board: Board, damaged: Mapping[Path, str], pages: Pages) -> Files:
    """Return every file of the boards by its name relative to the output folder.

    pages: the pages' half of each protocol of the board.
    """
    datasets = file_names((fact.dataset,) for fact in board.facts)
    areas = file_names((area,) for area in board.by_area)
    links = {f"dataset {name}": f"datasets/{file}.md" for (name,), file in datasets.items()}
    links |= {f"area {name}": f"areas/{file}.md" for (name,), file in areas.items()}
    upwards = {name: f"../{link}" for name, link in links.items()}
    files: Files = {"scores.csv.gz": scores_sheet(board)}
    files |= _of_datasets(board, pages, datasets)
    drawn, shown = _diagrams(board)
    files |= drawn
    for (area,), file in areas.items():
        pictures = {place: f"../{name}" for place, name in shown.get(("area", area), {}).items()}
        files[f"areas/{file}.md"] = area_page(board, area, upwards, pictures)
        files[f"areas/{file}.csv"] = ranks_sheet(board.by_area[area])
    files["quality.md"] = quality_page(board)
    if board.effects:
        files["controls.md"] = effects_page(board)
    if board.experiments:
        files["scorers.md"] = scorers_page(board)
    files["overall.csv"] = ranks_sheet(board.comparisons)
    files["README.md"] = overall_page(board, links, shown.get(OVERALL, {}), damaged, pages)
    return files


def _diagrams(board: Board) -> tuple[Files, dict[Key, dict[Place, Safe]]]:
    """Return the pictures of ranks, and their names by OVERALL or area, and place."""
    compared = {OVERALL: board.comparisons}
    compared |= {("area", area): of_area for area, of_area in board.by_area.items()}
    drawn = {whose: diagrams(comparisons) for whose, comparisons in compared.items()}
    files: Files = {}
    shown: dict[Key, dict[Place, Safe]] = {}
    keys = {(*whose, *place): (whose, place) for whose in drawn for place in drawn[whose]}
    for key, file in file_names(keys).items():
        whose, place = keys[key]
        name = Safe(f"ranks/{file}.svg")
        files[name] = drawn[whose][place]
        shown.setdefault(whose, {})[place] = name
    return files, shown


def _of_datasets(board: Board, pages: Pages, names: Mapping[Key, str]) -> Files:
    """Return the page, sheet and pictures of each dataset."""
    parts = {fact.dataset: parts_of(board, fact.dataset, pages) for fact in board.facts}
    pictures = _Pictures()
    for of_dataset in parts.values():
        for part in of_dataset:
            pictures.draw(part)
    files, shown = pictures.files()
    for fact in board.facts:
        name = f"datasets/{names[fact.dataset,]}"
        of_page = shown.get(fact.dataset, {})
        files[f"{name}.md"] = dataset_page(board, fact, parts[fact.dataset], of_page, pages)
        files[f"{name}.csv"] = summary_sheet(board, fact.dataset)
    return files


class _Pictures:
    """All pictures, whose names must be known together: two that are alike get a hash."""

    def __init__(self) -> None:
        """Begin without any."""
        self._svg: dict[Key, str | None] = {}
        self._of: dict[Key, tuple[str, str, Key]] = {}

    def draw(self, part: Part) -> None:
        """Draw the pictures of one part of a dataset's page."""
        dataset, protocol = part.view.dataset, part.view.protocol
        for key, svg in part.pictures.items():
            name = (dataset, *key)
            name = (dataset, protocol, *key) if name in self._svg else name
            self._svg[name], self._of[name] = svg, (dataset, protocol, key)

    def files(self) -> tuple[Files, dict[str, dict[str, dict[Key, Safe]]]]:
        """Return the files, and their names by dataset, protocol and parts of the name."""
        files: Files = {}
        shown: dict[str, dict[str, dict[Key, Safe]]] = {}
        for name, file in file_names(self._svg).items():
            svg = self._svg[name]
            if svg is not None:
                dataset, protocol, key = self._of[name]
                files[f"datasets/{file}.svg"] = svg
                of_protocol = shown.setdefault(dataset, {}).setdefault(protocol, {})
                of_protocol[key] = Safe(f"{file}.svg")
        return files, shown


def _refuse_to_overwrite(out: Path, names: set[str]) -> None:
    for name in sorted(names):
        if (out / name).exists():
            raise MedTLError(
                f"{out / name} was not written by medtl-bench; "
                "move it away or choose another folder."
            )


def _list(out: Path, names: set[str]) -> None:
    write_atomically(out / LIST, "".join(f"{name}\n" for name in sorted(names)))


def _listed(out: Path) -> set[str]:
    """Names that an earlier run listed, without any that no run of ours would write.

    Whoever may have changed the list, nothing else is overwritten or removed.
    """
    try:
        lines = (out / LIST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line for line in lines if OURS.fullmatch(line) and (out / line).is_file()}
