from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_pbmc import dataset
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from medtl_bench.contract.dataset import Dataset
from tests.shipped import assert_refused, origin, replaced

WHEEL = "scanpy-1.11.5-py3-none-any.whl"
CELLS = {
    "CD14+ Monocyte": 129,
    "Dendritic": 240,
    "CD19+ B": 95,
    "CD4+/CD25 T Reg": 68,
    "CD8+ Cytotoxic T": 54,
    "CD8+/CD45RA+ Naive Cytotoxic": 43,
    "CD4+/CD45RO+ Memory": 19,
    "CD4+/CD45RA+/CD25- Naive T": 8,
    "CD56+ NK": 31,
    "CD34+": 13,
}


@pytest.fixture(scope="module")
def pbmc() -> Dataset:
    return dataset.build()


def test_all_700_cells_are_there_by_type(pbmc: Dataset) -> None:
    y = torch.cat([split.y for domain in pbmc.domains for split in domain.splits().values()])
    assert dict(zip(pbmc.task.classes, y.bincount().tolist(), strict=True)) == CELLS
    assert pbmc.domains[0].train.x.shape[1] == 765


def test_no_cell_stands_in_two_splits_of_any_domains(pbmc: Dataset) -> None:
    rows = torch.cat([split.x for domain in pbmc.domains for split in domain.splits().values()])
    assert len(torch.unique(rows, dim=0)) == 700


def test_every_domain_holds_two_types_that_no_other_has(pbmc: Dataset) -> None:
    held = [set(domain.train.y.tolist()) for domain in pbmc.domains]
    assert [len(types) for types in held] == [2] * 5
    assert set.union(*held) == set(range(10))
    for domain, types in zip(pbmc.domains, held, strict=True):
        assert set(domain.test.y.tolist()) == types


def test_the_rarest_types_keep_five_cells_to_learn_from_and_two_to_be_judged_by_in_every_fold(
    pbmc: Dataset,
) -> None:
    for domain in (domain for fold in pbmc.divisions() for domain in fold.domains):
        for kind in domain.train.y.unique():
            assert (domain.train.y == kind).sum() >= 5
            assert (domain.test.y == kind).sum() >= 2


def test_every_cell_is_judged_in_one_fold(pbmc: Dataset) -> None:
    tested = [domain.test for fold in pbmc.divisions() for domain in fold.domains]
    assert len(torch.unique(torch.cat([split.x for split in tested]), dim=0)) == 700
    counts = torch.cat([split.y for split in tested]).bincount(minlength=10)
    assert dict(zip(pbmc.task.classes, counts.tolist(), strict=True)) == CELLS


def test_splits_are_stratified(pbmc: Dataset) -> None:
    for domain in pbmc.domains:
        total = sum(split.y.bincount(minlength=10) for split in domain.splits().values())
        assert (domain.test.y.bincount(minlength=10) - total / 3).abs().max() <= 0.5


def test_inputs_are_log_normalised_counts_and_not_scaled_values(pbmc: Dataset) -> None:
    table = dataset.load()
    assert table["expression"].dtype == np.uint16
    first = np.expm1(table["expression"][0] / 1000)
    counts = first / first[first > 0].min()
    assert np.abs(counts - counts.round())[first < 100].max() < 0.05
    assert min(float(domain.train.x.min()) for domain in pbmc.domains) == 0
    assert 5 < max(float(domain.train.x.max()) for domain in pbmc.domains) < 7


def test_the_transfer_goes_from_common_types_to_rare_ones(pbmc: Dataset) -> None:
    (transfer,) = pbmc.transfers
    common = [CELLS[name] for source in transfer.sources for name in dataset.DOMAINS[source]]
    rare = [CELLS[name] for target in transfer.targets for name in dataset.DOMAINS[target]]
    assert min(common) > max(rare)
    assert pbmc.streams[0].domains == tuple(dataset.DOMAINS)


def test_types_can_be_told_from_the_genes(pbmc: Dataset) -> None:
    train, test = [d.train for d in pbmc.domains], [d.test for d in pbmc.domains]
    model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
    model.fit(torch.cat([s.x for s in train]), torch.cat([s.y for s in train]))
    score = balanced_accuracy_score(
        torch.cat([s.y for s in test]), model.predict(torch.cat([s.x for s in test]))
    )
    assert score > 0.6, score


def test_two_builds_hold_the_same_data(pbmc: Dataset) -> None:
    assert dataset.build().digest() == pbmc.digest()


def test_a_tampered_file_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(dataset, dataset.FILE.read_bytes()[:-1] + b"?", tmp_path, monkeypatch)
    assert_refused(dataset.build, "pbmc68k_reduced.npz")


@pytest.mark.filterwarnings("ignore")
def test_rebuilding_from_the_origin_gives_the_shipped_bytes() -> None:
    path = origin(WHEEL)
    pytest.importorskip(
        "anndata", reason="rebuilding needs anndata: pip install medtl-bench[rebuild]"
    )
    from medtl_pbmc import rebuild  # noqa: PLC0415

    assert rebuild.make(path) == dataset.FILE.read_bytes()
