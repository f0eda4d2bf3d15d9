"""Runs what a table asks for through the public API, and reads its scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import medtl_bench

BROUGHT = Path(__file__).parent / "brought"


@dataclass(frozen=True)
class Scores:
    """The scores of a run, a row each, as `medtl_bench.results` gives them."""

    table: pd.DataFrame

    def of(self, algorithm: str, metric: str, stage: str, **where: object) -> list[float]:
        """Return the mean of what fits in each seed, in the order of seeds.

        Raises AssertionError where nothing does.
        """
        wanted = {"algorithm": algorithm, "metric": metric, "stage": stage, **where}
        table = self.table
        for column, value in wanted.items():
            table = table[table[column] == value]
        assert len(table), f"No score fits {wanted}."
        return table.groupby("seed")["value"].mean().tolist()


@dataclass(frozen=True)
class Runner:
    """Runs what has no result in a folder yet, a folder of its own for each dataset."""

    folder: Path

    def __call__(
        self,
        dataset: str,
        algorithms: Sequence[str],
        *,
        brought: Sequence[str] = (),
        seeds: int = 1,
        parameters: Sequence[str] = (),
    ) -> Scores:
        """Return the scores of algorithms on a dataset, in the protocol `transfer`.

        `brought`: the names of plugin files beside this one that bring datasets or methods.
        Results of other parameters, which the folder may hold too, are left out. Skips the
        test where files of the dataset are not on this machine.
        """
        out = self.folder / dataset
        ran = medtl_bench.run(
            dataset, algorithms, protocols="transfer", seeds=seeds, parameters=parameters,
            plugins=[str(BROUGHT / f"{name}.py") for name in brought], on="in-process", out=out,
        )  # fmt: skip
        if ran.planning.skipped:
            pytest.skip("; ".join(ran.planning.skipped.values()))
        reasons = [record.outcome.reason for record in ran.records]
        assert not ran.failed, [*ran.planning.unusable.values(), *filter(None, reasons)]
        asked = {one.trial.key for one in ran.planning.planned}
        table = medtl_bench.results(out)
        return Scores(table[table["key"].isin(asked)])
