"""breast-recurrence: who is counted, how censored patients are treated, who stands where."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_breast import dataset
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import IntegrityError, NotDownloadedError
from medtl_bench.files.downloads import OFFLINE

HERE = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get(OFFLINE) or HERE)


@pytest.fixture(scope="module", autouse=True)
def _data():
    if not (FOLDER / "breast_recurrence").is_dir():
        pytest.skip("the tables of breast cancer are not on this machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(OFFLINE, str(FOLDER))
        yield


@pytest.fixture(scope="module")
def breast() -> Dataset:
    return dataset.build()


def labels(domain) -> list[int]:
    return torch.cat([split.y for split in domain.splits().values()]).bincount().tolist()


def test_cohorts_have_the_published_sizes_and_the_counts_of_the_card(breast):
    assert (len(dataset.rotterdam()), len(dataset.gbsg())) == (2982, 686)
    assert [labels(domain) for domain in breast.domains] == [[2322, 643], [458, 165]]
    lost = [sum(p.label is None for p in cohort()) for cohort in (dataset.rotterdam, dataset.gbsg)]
    assert lost == [17, 63]


def estimated(patients, days: int) -> float:
    """Return the share with the event by then, as Kaplan and Meier 1958 estimate it."""
    seen, event = np.array([(p.days, p.event) for p in patients]).T
    free = 1.0
    for day in np.unique(seen[(event == 1) & (seen <= days)]):
        free *= 1 - ((seen == day) & (event == 1)).sum() / (seen >= day).sum()
    return 1 - free


@pytest.mark.parametrize(("cohort", "points"), [(dataset.rotterdam, 0.1), (dataset.gbsg, 1.1)])
def test_leaving_out_who_was_lost_to_sight_shifts_the_share_by_as_much_as_the_card_says(
    cohort, points
):
    known = [p.label for p in cohort() if p.label is not None]
    assert 100 * (np.mean(known) - estimated(cohort(), dataset.DAYS)) == pytest.approx(
        points, abs=0.06
    )
    assert f"{points}" in dataset.CARD.notes


def test_a_patient_counts_as_the_tables_say():
    first = dict(zip(dataset.COLUMNS, dataset.rotterdam()[0].findings, strict=True))
    assert {name: value for name, value in first.items() if value} == {
        "age": 1.9,
        "log(1 + nodes)": -1.0,
        "log(1 + pgr)": pytest.approx((np.log(36) - 4) / 2, abs=1e-4),
        "log(1 + er)": pytest.approx((np.log(292) - 4) / 2, abs=1e-4),
        "meno": 1.0,
        "hormon": -1.0,
        "grade 3": 1.0,
        "size <=20": 1.0,
    }
    second = dataset.gbsg()[1]
    assert (second.days, second.event, second.label) == (403, True, 1)
    assert [dataset._size(mm) for mm in (20, 21, 50, 51)] == ["<=20", "20-50", "20-50", ">50"]


@pytest.mark.parametrize(
    ("days", "event", "label"),
    [(730, True, 1), (731, True, 0), (731, False, 0), (730, False, None)],
)
def test_only_who_was_seen_long_enough_has_a_label(days, event, label):
    assert dataset.Patient((), days, event).label == label


def test_every_patient_is_judged_in_one_fold_and_like_ones_stand_on_one_side(breast):
    for number, domain in enumerate(breast.domains):
        folds = [fold.domains[number] for fold in breast.divisions()]
        assert sum(len(fold.test) for fold in folds) == sum(labels(domain))
        for fold in folds:
            seen = [set(map(tuple, split.x.tolist())) for split in fold.splits().values()]
            assert len(set().union(*seen)) == sum(map(len, seen))


def test_recurrence_can_be_told_across_cohorts_both_ways(breast):
    for transfer in breast.transfers:
        train = breast.domain(transfer.sources[0]).train
        test = breast.domain(transfer.targets[0]).test
        model = LogisticRegression(max_iter=1000).fit(train.x, train.y)
        assert roc_auc_score(test.y, model.predict_proba(test.x)[:, 1]) > 0.6, transfer.name


def test_two_builds_hold_the_same_data(breast):
    assert dataset.build().digest() == breast.digest()


def test_a_missing_or_changed_file_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv(OFFLINE, str(tmp_path))
    with pytest.raises(NotDownloadedError, match=r"rotterdam\.csv"):
        dataset.build()
    (tmp_path / "breast_recurrence").mkdir()
    (tmp_path / "breast_recurrence" / "rotterdam.csv").write_bytes(b"pid\n")
    with pytest.raises(IntegrityError, match="not as it was published"):
        dataset.build()
