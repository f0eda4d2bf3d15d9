import csv
import gzip
import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.report.folder import LIST
from medtl_bench.results.record import Record
from tests.boards import build, render, write_boards
from tests.records import METHODS, record, stream_record, stream_scores, suite, transfer_scores
from tests.report.hostile import HOSTILE, svg_tags
from tests.report.text.test_escape import inline

FEW = {name: METHODS[name] for name in ("dann", "ewc", "source-only", "target-only")}
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return suite(["hearts", "cells"], FEW, seeds=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_files(records: Sequence[Record], tmp_path: Path) -> None:
    written = write_boards(records, {}, tmp_path)
    expected = [
        "README.md",
        "areas/clinical.csv",
        "areas/clinical.md",
        LIST,
        "overall.csv",
        "quality.md",
        "scores.csv.gz",
    ]
    for name in ("cells", "hearts"):
        expected += [
            f"datasets/{name}{end}" for end in (".csv", ".md", "-few-shot.svg", "-line.svg")
        ]
    assert [str(path.relative_to(tmp_path)) for path in written] == sorted(expected)
    assert set(contents(tmp_path)) == set(expected)


def test_every_link_and_picture_leads_to_a_file(records: Sequence[Record], tmp_path: Path) -> None:
    write_boards(records, {}, tmp_path)
    for page in tmp_path.rglob("*.md"):
        for token in inline(PARSER.parse(page.read_text())):
            target = token.attrs.get("href") or token.attrs.get("src")
            assert target is None or (page.parent / target).is_file(), (page, target)


def test_the_same_records_in_any_order_give_the_same_bytes(
    records: Sequence[Record], tmp_path: Path
) -> None:
    write_boards(records, {}, tmp_path / "one")
    shuffled = random.Random(1).sample(records, len(records))
    write_boards({r.trial.key: r for r in shuffled}, {}, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    write_boards(records, {}, tmp_path / "one")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_stale_files_of_an_earlier_run_go_and_others_stay(
    records: Sequence[Record], tmp_path: Path
) -> None:
    write_boards(records, {}, tmp_path)
    notes = tmp_path / "datasets" / "my-notes.md"
    notes.write_text("mine")
    write_boards([r for r in records if r.trial.dataset == "hearts"], {}, tmp_path)
    assert not (tmp_path / "datasets" / "cells.md").exists()
    assert not (tmp_path / "datasets" / "cells-line.svg").exists()
    assert notes.read_text() == "mine"


def test_a_file_that_is_not_ours_is_not_overwritten(
    records: Sequence[Record], tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("the project's own")
    with pytest.raises(MedTLError, match=r"README.md was not written by medtl-bench"):
        write_boards(records, {}, tmp_path)
    assert contents(tmp_path) == {"README.md": b"the project's own"}


def test_a_list_that_was_tampered_with_removes_nothing_outside(
    records: Sequence[Record], tmp_path: Path
) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret.md"
    secret.write_text("keep")
    out.mkdir()
    (out / LIST).write_text(f"../secret.md\n{secret}\ndatasets/../../secret.md\ndatasets\n\n.\n")
    write_boards(records, {}, out)
    assert secret.read_text() == "keep"


def test_a_list_that_was_tampered_with_removes_nothing_else_inside(
    records: Sequence[Record], tmp_path: Path
) -> None:
    (tmp_path / "datasets").mkdir()
    others = [tmp_path / name for name in ("setup.py", "notes.md", "datasets/data.json")]
    for path in others:
        path.write_text("keep")
    (tmp_path / LIST).write_text("setup.py\nnotes.md\ndatasets/data.json\n")
    write_boards(records, {}, tmp_path)
    assert [path.read_text() for path in others] == ["keep"] * 3


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    records: Sequence[Record], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file stands where the folder should be")
    with pytest.raises(IntegrityError, match="Could not write"):
        write_boards(records, {}, tmp_path / "out")


def test_sheets_hold_the_numbers_of_the_board(records: Sequence[Record]) -> None:
    board = build(records)
    files = render(board, {})
    scores = pd.read_csv(io.BytesIO(gzip.decompress(files["scores.csv.gz"])), keep_default_na=False)
    assert len(scores) == sum(len(r.outcome.scores) for r in records)
    trial = records[3]
    its = scores[scores["key"] == trial.trial.key]
    assert its["value"].tolist() == [score.value for score in trial.outcome.scores]
    assert its["draw"].tolist() == [
        "" if score.draw is None else str(score.draw) for score in trial.outcome.scores
    ]
    sheet = pd.read_csv(io.StringIO(files["datasets/hearts.csv"]), keep_default_na=False)
    assert len(sheet) == (board.summary["dataset"] == "hearts").sum()
    overall = pd.read_csv(io.StringIO(files["overall.csv"]))
    assert set(overall["algorithm"]) == {"dann", "ewc"}
    assert overall["rank"].isna().all(), "two origins are too few"
    three = render(build(suite(["hearts", "cells", "eyes"], FEW, seeds=2)), {})["overall.csv"]
    ranks = pd.read_csv(io.StringIO(three))
    assert ranks.groupby("measure")["rank"].sum().eq(3).all()
    assert ranks["origins"].eq(3).all()


def hostile_records() -> Iterator[Record]:
    for number, name in enumerate(HOSTILE):
        other = HOSTILE[(number + 7) % len(HOSTILE)]
        shared = {
            "area": other,
            "provenance": other,
            "task": name,
            "metrics": (other or "m", "ece"),
            "family": name,
            "seed": number,
        }
        shared |= {
            "algorithm": name,
            "variant": other,
            "finished": name[:50],
            "versions": {name: other},
        }
        asked = {
            "targets": [name],
            "sources": [other],
            "metric": other or "m",
            "extra": {name: 0.4},
        }
        scores = transfer_scores(0.5, {1: [0.6], 2: [0.7]}, 0.8, **asked)
        places = {"targets": (name,), "sources": (other,), "shots": (1, 2), "draws": 1}
        yield record(dataset=name, scenario=other, scores=scores, **places, **shared)
        domains = (name + "1", other + "2")
        r = stream_scores(
            [[0.9, 0.2], [0.5, 0.9]], [0.1, 0.2], domains=domains, metric=other or "m"
        )
        yield stream_record(
            dataset=name,
            scenario="few-shot" if number % 3 else other,
            domains=domains,
            scores=r,
            **shared,
        )
        yield record(
            dataset=other, status="failed", reason=name, **{**shared, "seed": number + 100}
        )


def test_hostile_names_are_inert_everywhere(tmp_path: Path) -> None:
    damaged = {
        Path("/x") / f"{name[:50]}.json".replace("/", "_").replace("\0", ""): name
        for name in HOSTILE
    }
    written = write_boards(list(hostile_records()), damaged, tmp_path)
    assert len(written) > 4 * len(HOSTILE)
    for path in written:
        relative = str(path.relative_to(tmp_path))
        assert relative.isascii()
        assert not set(relative) - set("abcdefghijklmnopqrstuvwxyz0123456789-./README_")
        data = path.read_bytes()
        assert len(data) < 500_000
        if path.suffix == ".md":
            check_page(path, data.decode())
        elif path.suffix == ".svg":
            assert svg_tags(data).isdisjoint({"script", "a", "image"})
        elif path.suffix in (".csv", ".gz"):
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            check_sheet(text)


def check_page(path: Path, text: str) -> None:
    assert "\x1b" not in text
    assert "\u202e" not in text
    for token in inline(PARSER.parse(text)):
        assert token.type not in (
            "html_block",
            "html_inline",
            "code_block",
            "code_inline",
            "fence",
        ), token.content
        target = token.attrs.get("href") or token.attrs.get("src")
        assert target is None or (path.parent / target).is_file()


def check_sheet(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t")), cell
            assert not cell.startswith("-") or float(cell) <= 0, cell


def test_transfers_from_single_sources_are_shown_by_target(tmp_path: Path) -> None:
    pairs = [("a", "b"), ("b", "a"), ("c", "a")]
    records = [
        record(
            algorithm=name,
            family=family,
            scenario=f"{source}-to-{target}",
            sources=(source,),
            targets=(target,),
            scores=transfer_scores(
                0.6, {1: [0.7], 3: [0.7]}, 0.8, sources=(source,), targets=(target,)
            ),
        )
        for name, (family, _) in FEW.items()
        for source, target in pairs
    ]
    write_boards(records, {}, tmp_path)
    page = (tmp_path / "datasets/hearts.md").read_text()
    assert "### One source by target" in page
    picture = (tmp_path / "datasets/hearts-sources-targets.svg").read_text()
    assert "Sources by targets of hearts" in picture
    assert svg_tags(picture)
