"""Boards and pages of records by the two protocols that the project brings."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from medtl_bench.board import build as building
from medtl_bench.board import stream, transfer
from medtl_bench.board.build import Board
from medtl_bench.metrics.effect import EffectEntry
from medtl_bench.report import folder
from medtl_bench.report.pages import stream as stream_page
from medtl_bench.report.pages import transfer as transfer_page
from medtl_bench.report.pages.protocol import Protocol
from medtl_bench.results.record import Record

Records = Mapping[str, Record] | Iterable[Record]
PROTOCOLS = {
    "transfer": Protocol(transfer.BOARD, transfer_page.PAGE),
    "stream": Protocol(stream.BOARD, stream_page.PAGE),
}


def build(
    records: Records,
    protocols: Mapping[str, Protocol] = PROTOCOLS,
    known: Sequence[EffectEntry] = (),
) -> Board:
    """Return the board of some records, held against known effects."""
    return building.build(records, {name: both.board for name, both in protocols.items()}, known)


def render(
    board: Board,
    damaged: Mapping[Path, str] = {},
    protocols: Mapping[str, Protocol] = PROTOCOLS,
) -> folder.Files:
    """Return every file of a board."""
    return folder.render(board, damaged, {name: both.page for name, both in protocols.items()})


def write_boards(records: Records, damaged: Mapping[Path, str], out: Path) -> list[Path]:
    """Write the boards of some records to a folder."""
    return folder.write_boards(build(records), damaged, out, PROTOCOLS)
