import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_pbmc import donors

from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import refusal
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import NotDownloadedError
from medtl_bench.files.downloads import OFFLINE
from medtl_bench.metrics import embeddings
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer

FOLDER = Path(os.environ.get(OFFLINE) or Path(__file__).parents[3] / "shared" / "data")
NEEDS_HARMONY = pytest.mark.skipif(
    find_spec("harmonypy") is None, reason="harmonypy is not installed: medtl-bench[cells]"
)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    if not (FOLDER / "pbmc_harmony").is_dir():
        pytest.skip("the reference data is not on this machine")
    monkeypatch.setenv(OFFLINE, str(FOLDER))
    return donors.build()


def whole(cells: Dataset) -> tuple[np.ndarray, np.ndarray]:
    splits = [domain.train for domain in cells.domains]
    return torch.cat([s.x for s in splits]).double().numpy(), np.repeat(
        range(3), [len(s) for s in splits]
    )


def test_donors_have_the_published_counts_and_no_labels(cells):
    assert {d.name: len(d.train) for d in cells.domains} == {
        "donor-A": 500,
        "donor-B": 2000,
        "donor-C": 1000,
    }
    assert cells.task.kind == "integration"
    assert not any(d.train.y.any() for d in cells.domains)
    assert cells.domains[0].train.x.shape[1] == 30


def test_before_correction_a_neighbourhood_holds_one_and_a_half_donors(cells):
    z, donor = whole(cells)
    assert embeddings.ilisi(z, donor, donor) == pytest.approx(1.5, abs=0.02)


@NEEDS_HARMONY
def test_harmony_raises_that_to_about_two_point_three(cells):
    from harmonypy import run_harmony  # noqa: PLC0415

    z, donor = whole(cells)
    corrected = run_harmony(z, {"donor": donor}, "donor", verbose=False, ncores=1).Z_corr
    assert embeddings.ilisi(corrected, donor, donor) == pytest.approx(2.3, abs=0.06)


@NEEDS_HARMONY
def test_the_protocol_gives_the_same_values(cells):
    found = discovery.find()
    scores = {}
    for name in ("uncorrected", "harmony"):
        cls = found.algorithm(name)
        assert refusal(cls, cells.task, cells.domains[0].train.x) is None
        ran = transfer(cells, cells.transfers[0], cls, seed=0, shots=(1, 5), draws=1, clock=Clock())
        scores[name] = {score.metric: score.value for score in ran}
    assert scores["uncorrected"]["ilisi"] == pytest.approx(1.51, abs=0.01)
    assert scores["harmony"]["ilisi"] == pytest.approx(2.3, abs=0.06)
    assert set(scores["harmony"]) == {"ilisi", "silhouette_batch"}


def test_methods_that_learn_from_labels_are_turned_away(cells):
    found = discovery.find()
    takes = {
        name
        for name in found.algorithms
        if refusal(found.algorithm(name), cells.task, cells.domains[0].train.x) is None
    }
    always = {"uncorrected", "combat", "noise-embedding"}
    assert always <= takes <= {*always, "harmony"}


def test_without_its_files_it_says_that_they_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv(OFFLINE, str(tmp_path))
    with pytest.raises(NotDownloadedError):
        donors.build()
