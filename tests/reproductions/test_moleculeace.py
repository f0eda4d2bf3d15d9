"""MoleculeACE: support vectors on fingerprints, each of 30 targets by itself."""

import numpy as np
import pytest

from tests.reproductions.runs import Runner, Scores

SOURCE = (
    "van Tilborg, Alenicheva and Grisoni 2022, J. Chem. Inf. Model. 62(23); means over 30 targets and each target's RMSE of "
    "`MoleculeACE_results.csv` in github.com/molML/MoleculeACE, row SVM with ECFP."
)
OURS = (
    "`single-svm` with their most frequent choice (C = 10, gamma = 0.01, epsilon = 0.1), on all of their "
    "training rows but those that share a fingerprint with a test row, whose fingerprint of 1,024 bits is the bench's; RMSE of "
    "-log10 nM; cliffs are the rows that MoleculeACE marks."
)
RMSE, CLIFFS = 0.671, 0.751
OF_TARGETS = {
    "abl1-Ki": 0.774, "androgen-receptor-Ki": 0.665, "glucocorticoid-receptor-Ki": 0.674, "fxr-EC50": 0.614,
    "thrombin-Ki": 0.723, "pim1-Ki": 0.576, "5-ht1a-Ki": 0.634, "cb1-EC50": 0.719, "d4-Ki": 0.710,
    "sert-Ki": 0.662, "h1-Ki": 0.750, "mu-opioid-Ki": 0.774, "d3-Ki": 0.622, "ppar-gamma-EC50": 0.640,
    "delta-opioid-Ki": 0.698, "kappa-opioid-EC50": 0.720, "kappa-opioid-Ki": 0.677, "dat-Ki": 0.610,
    "ppar-alpha-EC50": 0.678, "factor-xa-Ki": 0.715, "gsk3-beta-Ki": 0.724, "h3-Ki": 0.615, "jak1-Ki": 0.420,
    "sigma-1-Ki": 0.714, "jak2-Ki": 0.605, "ppar-delta-EC50": 0.629, "pi3k-alpha-Ki": 0.646, "clk4-Ki": 0.880,
    "ghrelin-receptor-EC50": 0.635, "orexin-2-Ki": 0.633,
}  # fmt: skip
NEAR = 0.03


def of_targets(scores: Scores) -> dict[str, float]:
    """Return by how much our RMSE of the support vectors is above the published one, by target."""
    found = {name: scores.of("single-svm", "rmse", "full", domain=name)[0] for name in OF_TARGETS}
    return {name: found[name] - published for name, published in OF_TARGETS.items()}


@pytest.mark.slow
def test_moleculeace(page, run: Runner) -> None:
    parameters = ["single-svm.c=10", "single-svm.gamma=0.01"]
    scores = run("moleculeace", ["single-svm"], brought=("moleculeace",), parameters=parameters)
    table = page.table("MoleculeACE: 30 targets, each alone", SOURCE, OURS)
    table.number("mean RMSE", RMSE, scores.of("single-svm", "rmse", "full"))
    table.number("mean RMSE of cliffs", CLIFFS, scores.of("single-svm", "marked_rmse", "full"))
    above = of_targets(scores)
    near, farthest = (
        sum(abs(a) <= NEAR for a in above.values()),
        max(above, key=lambda n: abs(above[n])),
    )
    table.finding(
        f"single-svm: each target within {NEAR}",
        "30 of 30",
        f"{near} of 30; the farthest is {farthest} by {above[farthest]:+.3f}, the mean {np.mean(list(above.values())):+.3f}",
        holds=near == len(OF_TARGETS),
    )
    table.cause(
        "Left out are the training rows that share a fingerprint with a test row (stereoisomers, mostly), which a dataset refuses "
        "and MoleculeACE keeps."
    )
    table.cause(
        "MoleculeACE searched C for each target by cross-validation on its training rows: three of 30 have another than "
        "10. Their epsilon is in units of -log10 nM, ours in deviations of the source's values, which are near 1."
    )
