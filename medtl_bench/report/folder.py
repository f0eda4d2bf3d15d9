"""Writes everything to an output folder: pages, pictures and sheets, and a list of them, so that stale ones can go."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import measures
from medtl_bench.board.build import Board, build
from medtl_bench.errors import MedTLError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.report.csv_files import ranks_sheet, scores_sheet, summary_sheet
from medtl_bench.report.pages.dataset import dataset_page
from medtl_bench.report.pages.overview import area_page, overall_page
from medtl_bench.report.pictures.curves import few_shot_picture
from medtl_bench.report.pictures.matrices import matrix_picture, source_captions, stream_captions
from medtl_bench.report.rows import View, comparisons, facts, views
from medtl_bench.report.text.escape import file_names
from medtl_bench.results.record import Record

LIST = "files.txt"
OURS = re.compile(
    r"README\.md|overall\.csv|scores\.csv\.gz|(areas|datasets)/[a-z0-9-]+\.(md|csv|svg)"
)
Files = dict[str, str | bytes]


def write_boards(
    records: Mapping[str, Record] | Iterable[Record], damaged: Mapping[Path, str], out: Path
) -> list[Path]:
    """Write the boards of some records to a folder and return the files; the same records give the same bytes.

    `damaged`: result files that could not be read, and why. Files of an earlier run that
    are not written again are removed. Raises MedTLError where a file stands in the way
    that no earlier run wrote, IntegrityError where one cannot be written.
    """
    files = render(build(records), damaged)
    earlier = _listed(out)
    for name in sorted(files):
        if (out / name).exists() and name not in earlier:
            raise MedTLError(
                f"{out / name} was not written by medtl-bench; move it away or choose another folder."
            )
    write_atomically(out / LIST, "".join(f"{name}\n" for name in sorted({*files, *earlier})))
    for name, content in files.items():
        write_atomically(out / name, content)
    for name in sorted(earlier - set(files)):
        (out / name).unlink(missing_ok=True)
    write_atomically(out / LIST, "".join(f"{name}\n" for name in sorted(files)))
    return [out / name for name in sorted([*files, LIST])]


def render(board: Board, damaged: Mapping[Path, str]) -> Files:
    """Return every file of the boards by its name relative to the output folder."""
    known, seen = facts(board), views(board)
    overall = comparisons(known, seen)
    datasets = file_names((fact.dataset,) for fact in known)
    areas = file_names((fact.area,) for fact in known)
    files: Files = {"scores.csv.gz": scores_sheet(board), "overall.csv": ranks_sheet(overall)}
    drawn = _pictures(board, seen)
    for fact in known:
        name, its = datasets[fact.dataset,], [view for view in seen if view.dataset == fact.dataset]
        pictures = {
            told: file for (dataset, told), (file, _) in drawn.items() if dataset == fact.dataset
        }
        files |= {
            f"datasets/{file}": svg
            for (dataset, _), (file, svg) in drawn.items()
            if dataset == fact.dataset
        }
        files[f"datasets/{name}.md"] = dataset_page(board, fact, its, pictures)
        files[f"datasets/{name}.csv"] = summary_sheet(board, fact.dataset)
    links = {f"dataset {name}": f"datasets/{file}.md" for (name,), file in datasets.items()}
    links |= {f"area {name}": f"areas/{file}.md" for (name,), file in areas.items()}
    upwards = {name: f"../{link}" for name, link in links.items()}
    for (area,), file in areas.items():
        members = [fact for fact in known if fact.area == area]
        names = [fact.dataset for fact in members]
        its = [view for view in seen if view.dataset in names]
        compared = comparisons(members, its)
        files[f"areas/{file}.md"] = area_page(area, members, its, compared, upwards)
        files[f"areas/{file}.csv"] = ranks_sheet(compared)
    files["README.md"] = overall_page(board, known, seen, overall, links, damaged)
    return files


def _pictures(board: Board, seen: list[View]) -> dict[tuple[str, str], tuple[str, str]]:
    """File name and SVG by dataset and what is drawn: "few-shot", "sources" or "stream <scenario>"."""
    drawn: dict[tuple[str, ...], tuple[tuple[str, str], str | None]] = {}
    streams = (board.trials["protocol"] == "stream").to_numpy()
    r, _ = measures.matrices(board.trials, board.scores[streams[board.scores["trial"]]])
    alone = measures.single_source(board.trials, board.scores)
    for view in seen:
        if view.protocol == "transfer":
            drawn[view.dataset, "few", "shot"] = (view.dataset, "few-shot"), few_shot_picture(view)
            picture = matrix_picture(
                view,
                *_by_source(alone[alone["dataset"] == view.dataset], view),
                source_captions(view),
            )
            drawn[view.dataset, "sources", "targets"] = (view.dataset, "sources"), picture
        else:
            picture = matrix_picture(view, *_matrices(board, view, r), stream_captions(view))
            drawn[view.dataset, view.scenario] = (view.dataset, f"stream {view.scenario}"), picture
    names = file_names(drawn)
    return {
        told: (f"{names[parts]}.svg", svg)
        for parts, (told, svg) in drawn.items()
        if svg is not None
    }


def _matrices(
    board: Board, view: View, r: Floats
) -> tuple[list[tuple[str, Floats]], tuple[str, ...]]:
    """Mean over seeds of R [T, T] for each complete row of a stream, methods first, and the names of its domains."""
    trials = board.trials
    its = trials[
        (trials["dataset"] == view.dataset)
        & (trials["protocol"] == "stream")
        & (trials["scenario"] == view.scenario)
    ]
    domains = its["domains"].iloc[0]
    t = len(domains)
    of_row = its.groupby(["algorithm", "variant"]).indices
    rows = [*view.methods, *view.bounds]
    return [
        (row.label, r[its.index.to_numpy()[of_row[row.name]], :t, :t].mean(0)) for row in rows
    ], domains


def _by_source(alone: pd.DataFrame, view: View) -> tuple[list[tuple[str, Floats]], list[str]]:
    """Score at k = 0 by source and target for each complete row, and the names of the domains; nothing for a single source."""
    if alone["source"].nunique() < 2:
        return [], []
    domains = sorted({*alone["source"], *alone["domain"]})
    found = {
        name: its.set_index(["source", "domain"])["value"]
        .unstack()
        .reindex(index=domains, columns=domains)
        .to_numpy(float)
        for name, its in alone.groupby(["algorithm", "variant"])
    }
    return [
        (row.label, found[row.name]) for row in (*view.methods, *view.bounds) if row.name in found
    ], domains


def _listed(out: Path) -> set[str]:
    """Names that an earlier run listed, without any that no run of ours would write, whoever changed the list."""
    try:
        lines = (out / LIST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line for line in lines if OURS.fullmatch(line) and (out / line).is_file()}
