"""The page of positive controls: effects that the field knows, and whether the boards show them."""

import math

from medtl_bench.board.build import Board
from medtl_bench.board.effects import Effect, Verdict, tally
from medtl_bench.metrics.effect import EffectEntry, Term
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, escaped, interval, joined, number, table

SIGNS: dict[Verdict, Safe] = {
    "shown": Safe("🟢 shown"),
    "cannot be told": Safe("🔴 cannot be told"),
    "turned round": Safe("🔴 turned round"),
    "not run": Safe("⚪ not run"),
}
HEADER = ["Effect", "Dataset", "What must hold", "Difference (95% interval)", "Seeds", "Verdict"]
LONGEST = 400  # characters of a claim


def effects_page(board: Board) -> str:
    """Return the page of all known effects, those that are not shown first told in a sentence."""
    text = fill(
        "effects",
        counts=[(SIGNS[verdict], count) for verdict, count in tally(board.effects).items()],
        effects=table(HEADER, [_line(one) for one in board.effects], left=3),
        whys=[_why(one) for one in board.effects if one.verdict != "shown"],
    )
    return f"{text}\n"


def of_dataset(board: Board, dataset: str) -> list[Safe]:
    """Return a sentence for each known effect of a dataset that was run."""
    ours = [one for one in board.effects if one.entry.dataset == dataset]
    return [_told(one) for one in ours if one.verdict != "not run"]


def _line(one: Effect) -> list[str]:
    entry = one.entry
    claim = f"{escape_cell(entry.summary, LONGEST)}{_reference(entry)}"
    needed = _needed(entry) if entry.higher else NOTHING
    seeds = str(one.seeds) if one.seeds else NOTHING
    dataset = entry.dataset or NOTHING
    return [Safe(claim), dataset, needed, _difference(one), seeds, SIGNS[one.verdict]]


def _reference(entry: EffectEntry) -> str:
    return f" ({escape_cell(entry.reference, LONGEST)})" if entry.reference else ""


def _needed(entry: EffectEntry) -> Safe:
    """Return what must hold: two sides, their measure, and how far they are to be apart."""
    sides = [_side(entry, names) for names in (entry.higher, entry.lower)]
    least, most = number(entry.least, 2), number(entry.most, 2)
    apart = f"at least {least}" if math.isinf(entry.most) else f"{least} to {most}"
    (measure,) = escaped([entry.measure])
    return Safe(f"{measure}: {' less '.join(sides)}, {apart}")


def _side(entry: EffectEntry, names: tuple[str, ...]) -> Safe:
    """Return the algorithms of a side, each with its measure where that is another one."""
    told = joined([_term(entry, term) for term in entry.terms(names)], " and ")
    return told if len(names) == 1 else Safe(f"the mean of {told}")


def _term(entry: EffectEntry, term: Term) -> str:
    return term.algorithm if term.measure == entry.measure else f"{term.algorithm} ({term.measure})"


def _difference(one: Effect) -> Safe:
    if not math.isfinite(one.difference):
        return NOTHING
    return Safe(f"{number(one.difference)} ({interval(one.low, one.high)})")


def _told(one: Effect) -> Safe:
    return Safe(f"{SIGNS[one.verdict]}: {escape_cell(one.entry.summary, LONGEST)} {_found(one)}")


def _found(one: Effect) -> Safe:
    """Return what was found, in words."""
    of_what = "seeds and test units" if one.units else "seeds alone"
    (dataset,) = escaped([one.entry.dataset])
    numbers = f"{_difference(one)} over {one.seeds} seeds ({of_what})"
    return Safe(f"On {dataset}, {_needed(one.entry)}: {numbers}.")


def _why(one: Effect) -> Safe:
    """Return in numbers why an effect is not shown."""
    if one.verdict != "not run":
        return _told(one)
    claim = escape_cell(one.entry.summary, LONGEST)
    return Safe(f"{SIGNS[one.verdict]}: {claim} {_lacking(one)}")


def _lacking(one: Effect) -> Safe:
    if one.entry.missing:
        return escape_cell(one.entry.missing, LONGEST)
    terms = [f"{term.algorithm} ({term.measure})" for term in one.lacking]
    (dataset,) = escaped([one.entry.dataset])
    return Safe(f"On {dataset} there is no complete row of {joined(terms)}.")
