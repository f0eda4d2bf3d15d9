import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from medtl_chembl import dataset
from medtl_peers.with_sklearn import SupportVectors
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import concatenate
from medtl_bench.files.division import TEST, TRAIN, VAL
from medtl_bench.protocols.examiner import Clock, Examiner, Labels
from tests.shipped import assert_refused, origin, replaced

WHEEL = "MoleculeACE-3.0.0-py3-none-any.whl"
FAMILY_SHARES = {
    "GPCR": 4,
    "kinase": 2,
    "nuclear receptor": 2,
    "protease": 1,
    "transporter": 1,
    "other": 0,
}


@pytest.fixture(scope="module")
def chembl() -> Dataset:
    return dataset.build()


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    return dataset.load()


def test_the_shipped_file_holds_what_moleculeace_published(table: dict[str, np.ndarray]) -> None:
    assert len(table["y"]) == 48714
    assert (
        table["smiles"].tobytes().count(b"\n") + 1
        == len(table["fingerprint"])
        == len(table["scaffold"])
        == 35633
    )
    assert np.bincount(table["target"]).tolist()[4:7] == [2754, 1456, 3317]
    assert np.bincount(table["part"]).tolist() == [34096, 4632, 9802, 184]
    assert 0.3 < table["cliff"].mean() < 0.5


def test_thirty_domains_have_readable_names_and_known_ids(chembl: Dataset) -> None:
    assert len({domain.name for domain in chembl.domains}) == 30
    assert {t.chembl for t in dataset.TARGETS if t.protein == "thrombin"} == {"CHEMBL204"}
    assert all(target.chembl in chembl.card.notes for target in dataset.TARGETS)


def test_active_means_100_nm_or_better() -> None:
    assert dataset.active(-np.log10([1.0, 100.0, 101.0, 10_000.0])).tolist() == [1, 1, 0, 0]


def test_both_classes_stand_in_every_split(chembl: Dataset) -> None:
    for domain in chembl.domains:
        for split in domain.splits().values():
            assert split.y.bincount(minlength=2).min() >= 12, domain.name
        assert abs(float(domain.train.y.float().mean() - domain.test.y.float().mean())) < 0.08


def test_validation_takes_whole_scaffolds_of_about_an_eighth(
    chembl: Dataset, table: dict[str, np.ndarray]
) -> None:
    scaffold = table["scaffold"][table["molecule"]]
    for number, domain in enumerate(chembl.domains):
        mine = table["target"] == number
        assert not set(scaffold[mine & (table["part"] == TRAIN)]) & set(
            scaffold[mine & (table["part"] == VAL)]
        )
        assert 0.1 < len(domain.val) / (len(domain.val) + len(domain.train)) < 0.13


def test_fingerprints_shared_with_test_or_validation_are_left_out_of_training(
    table: dict[str, np.ndarray],
) -> None:
    bits = np.array([row.tobytes() for row in table["fingerprint"]], dtype=object)
    left_out = 0
    for number in range(30):
        target, part = table["target"] == number, table["part"]
        rows = [bits[table["molecule"][target & (part == p)]] for p in range(4)]
        train, val, test, excluded = map(set, rows)
        assert not train & test
        assert not train & val
        assert not val & test
        assert excluded <= val | test
        left_out += len(excluded)
    assert 0 < left_out <= 184


def test_the_card_counts_what_it_tells(chembl: Dataset) -> None:
    assert "184 training rows are left out" in chembl.card.notes
    assert "from 23% (fxr) to 91% (jak1)" in chembl.card.shift
    assert "26% of the unseen targets' test molecules" in chembl.card.shift


def test_unseen_targets_follow_the_documented_rule(
    chembl: Dataset, table: dict[str, np.ndarray]
) -> None:
    rows = dict(zip(dataset.TARGETS, np.bincount(table["target"]).tolist(), strict=True))
    for family, share in FAMILY_SHARES.items():
        members = [target for target in dataset.TARGETS if target.family == family]
        fit = [target for target in sorted(members, key=rows.__getitem__) if may_be(chembl, target)]
        assert set(fit[:share]) == {target for target in members if target.unseen}
    assert (len(dataset.BASE), len(dataset.UNSEEN)) == (20, 10)


def may_be(chembl: Dataset, target: dataset.Target) -> bool:
    """Return whether a target may be unseen: both classes are frequent, and its assay is alone."""
    rate = float(chembl.domain(target.name).train.y.float().mean())
    assays = [other for other in dataset.TARGETS if other.chembl == target.chembl]
    return 0.2 <= rate <= 0.8 and len(assays) == 1


def test_no_unseen_protein_has_another_assay_among_the_base() -> None:
    base = {target.chembl for target in dataset.TARGETS if not target.unseen}
    assert not base & {target.chembl for target in dataset.TARGETS if target.unseen}


@pytest.mark.parametrize("name", ["thrombin-Ki", "fxr-EC50", "h1-Ki", "clk4-Ki"])
def test_activity_can_be_told_from_the_fingerprint(chembl: Dataset, name: str) -> None:
    domain = chembl.domain(name)
    model = LogisticRegression(C=0.05, max_iter=300).fit(domain.train.x, domain.train.y)
    val, test = (
        roc_auc_score(s.y, model.predict_proba(s.x)[:, 1]) for s in (domain.val, domain.test)
    )
    assert test > 0.7
    assert val > 0.6  # new scaffolds are harder than the shipped test split


def test_affinity_has_the_same_rows_with_their_strength_and_cliffs(
    chembl: Dataset, table: dict[str, np.ndarray]
) -> None:
    affinity = dataset.build_affinity()
    for number, (domain, other) in enumerate(zip(affinity.domains, chembl.domains, strict=True)):
        for part, split, same in zip(
            (TRAIN, VAL, TEST), domain.splits().values(), other.splits().values(), strict=True
        ):
            rows = (table["target"] == number) & (table["part"] == part)
            assert torch.equal(split.x, same.x)
            assert torch.equal((split.y >= 7).long(), same.y)
            assert np.array_equal(split.marked, table["cliff"][rows])
            assert np.allclose(split.y, 9 + table["y"][rows])
        assert 10 < domain.test.marked.sum() < 0.6 * len(domain.test)
    assert affinity.task.primary == "rmse"
    assert "marked_rmse" in affinity.card.notes


# Root mean squared error over all and over cliff molecules, of a support vector regressor
# on 1,024-bit fingerprints of radius 2: van Tilborg et al. 2022, MoleculeACE_results.csv
# (SVM, ECFP) of molML/MoleculeACE at the commit 27f26eb.
PUBLISHED = {
    "abl1-Ki": (0.668, 0.634),
    "androgen-receptor-Ki": (0.668, 0.735),
    "glucocorticoid-receptor-Ki": (0.696, 0.842),
    "fxr-EC50": (0.614, 0.687),
    "thrombin-Ki": (0.705, 0.777),
    "pim1-Ki": (0.612, 0.700),
    "5-ht1a-Ki": (0.683, 0.736),
    "cb1-EC50": (0.698, 0.773),
    "d4-Ki": (0.743, 0.779),
    "sert-Ki": (0.704, 0.802),
    "h1-Ki": (0.709, 0.925),
    "mu-opioid-Ki": (0.740, 0.787),
    "d3-Ki": (0.637, 0.683),
    "ppar-gamma-EC50": (0.671, 0.784),
    "delta-opioid-Ki": (0.692, 0.836),
    "kappa-opioid-EC50": (0.760, 0.888),
    "kappa-opioid-Ki": (0.707, 0.754),
    "dat-Ki": (0.632, 0.744),
    "ppar-alpha-EC50": (0.681, 0.731),
    "factor-xa-Ki": (0.738, 0.835),
    "gsk3-beta-Ki": (0.719, 0.655),
    "h3-Ki": (0.583, 0.668),
    "jak1-Ki": (0.420, 0.809),
    "sigma-1-Ki": (0.778, 0.772),
    "jak2-Ki": (0.611, 0.779),
    "ppar-delta-EC50": (0.687, 0.727),
    "pi3k-alpha-Ki": (0.550, 0.647),
    "clk4-Ki": (0.880, 1.001),
    "ghrelin-receptor-EC50": (0.589, 0.618),
    "orexin-2-Ki": (0.675, 0.741),
}


def errors(affinity: Dataset, name: str) -> tuple[float, float]:
    """Return the errors of the support vector regressor on a target's test split.

    Over all rows, and over cliff rows.
    """
    domain, task = affinity.domain(name), affinity.task
    # together MoleculeACE's training split, less what shares a fingerprint
    train = concatenate([domain.train, domain.val])
    # C of 27 of its 30 settings
    learner = SupportVectors(task, torch.Generator().manual_seed(0), rows=len(train), c=10.0)
    examiner = Examiner(task, learner, Labels.of(task, [train]), Clock())
    examiner.fit([train], domain.test.x)
    scores = examiner.scores("fit", domain.test, domain=name)
    value = {score.metric: score.value for score in scores}
    return value["rmse"], value["marked_rmse"]


@pytest.mark.parametrize(
    ("names", "tolerance"),
    [
        (("fxr-EC50", "dat-Ki", "jak2-Ki", "androgen-receptor-Ki"), 0.04),
        pytest.param(tuple(PUBLISHED), 0.02, marks=pytest.mark.slow),
    ],
    ids=["a few", "all"],
)
def test_a_support_vector_regressor_errs_as_published(
    names: tuple[str, ...], tolerance: float
) -> None:
    affinity = dataset.build_affinity()
    found, published = (
        np.array([errors(affinity, name) for name in names]),
        np.array([PUBLISHED[name] for name in names]),
    )
    assert np.abs(found.mean(0) - published.mean(0)).max() < tolerance, (
        found.mean(0),
        published.mean(0),
    )
    assert np.abs(found[:, 0] - published[:, 0]).max() < 0.11
    assert found[:, 1].mean() > found[:, 0].mean()


def test_two_builds_hold_the_same_data(chembl: Dataset) -> None:
    assert dataset.build().digest() == chembl.digest()


def test_a_tampered_file_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(dataset, dataset.FILE.read_bytes()[:-1] + b"?", tmp_path, monkeypatch)
    assert_refused(dataset.build, "moleculeace.npz")


def test_labels_flags_and_test_rows_are_those_of_the_origin(table: dict[str, np.ndarray]) -> None:
    smiles = np.array(table["smiles"].tobytes().decode().split("\n"))
    with zipfile.ZipFile(origin(WHEEL)) as archive:
        for number, target in enumerate(dataset.TARGETS):
            file = f"MoleculeACE/Data/benchmark_data/{target.chembl}_{target.measure}.csv"
            published = pd.read_csv(io.BytesIO(archive.read(file)))
            rows = table["target"] == number
            assert smiles[table["molecule"][rows]].tolist() == published["smiles"].tolist()
            assert np.allclose(table["y"][rows], published["y"], atol=1e-6)
            assert (table["cliff"][rows] == (published["cliff_mol"] == 1)).all()
            assert ((table["part"][rows] == TEST) == (published["split"] == "test")).all()


@pytest.mark.slow
def test_rebuilding_from_the_origin_gives_the_shipped_bytes() -> None:
    path = origin(WHEEL)
    pytest.importorskip("rdkit", reason="rebuilding needs rdkit: pip install medtl-bench[rebuild]")
    from medtl_chembl import rebuild  # noqa: PLC0415

    assert rebuild.make(path) == dataset.FILE.read_bytes()
