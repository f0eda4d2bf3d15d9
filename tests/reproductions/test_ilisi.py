"""Harmony on blood cells of three donors: how well they are mixed before and after."""

from importlib.metadata import version

import pytest

from tests.reproductions.runs import Runner

SOURCE = (
    "Korsunsky et al. 2019, Nature Methods 16: the components that its repository ships before and after Harmony (in R), "
    "`data/pbmc_3500_pcs{,_harmonized}.tsv.gz` of github.com/slowkow/harmonypy at 4d2b63f, 3,500 cells. Published are the components; the mean iLISI (perplexity 30) of both is taken here."
)
RAW, CORRECTED = 1.511, 2.344


@pytest.mark.slow
def test_ilisi(page, run: Runner) -> None:
    pytest.importorskip("harmonypy")
    library = f"harmonypy {version('harmonypy')}"
    scores = run("pbmc-donors", ["uncorrected", "harmony"], seeds=3)
    ours = f"`uncorrected` and `harmony` ({library}, its defaults) on the shipped dataset `pbmc-donors`."
    table = page.table("Harmony: mixing of three donors", SOURCE, ours)
    table.number("before", RAW, scores.of("uncorrected", "ilisi", "embedding")[:1], 0.01)
    table.number("after harmony", CORRECTED, scores.of("harmony", "ilisi", "embedding"), 0.05)
    table.cause(
        f"The index agrees to 1e-4 with other implementations ([crosscheck.md](crosscheck.md)), and of the shipped corrected "
        f"components it is {CORRECTED}: what differs is {library} from the R package that made them, not how mixing is measured."
    )
