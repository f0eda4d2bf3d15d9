import os
from pathlib import Path

import pytest
import torch

from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import DataError, IntegrityError, NotDownloadedError
from medtl_bench.files.downloads import OFFLINE

HERE = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get(OFFLINE) or HERE)


@pytest.fixture
def _data(monkeypatch):
    if not (FOLDER / "stemcells").is_dir():
        pytest.skip("the reference data is not on this machine")
    monkeypatch.setenv(OFFLINE, str(FOLDER))


@pytest.fixture
def stemcells(_data) -> Dataset:
    pytest.importorskip("rdata", reason="rdata is not installed: pip install medtl-bench[cells]")
    from medtl_stemcells.dataset import build  # noqa: PLC0415

    return build()


def labels(domain) -> list[int]:
    return torch.cat([split.y for split in domain.splits().values()]).bincount(minlength=3).tolist()


def test_studies_have_the_published_counts(stemcells):
    assert stemcells.task.classes == ("Fibroblast", "hESC", "hiPSC")
    assert [labels(domain) for domain in stemcells.domains] == [
        [6, 20, 12],
        [18, 3, 30],
        [3, 8, 10],
        [3, 6, 6],
    ]
    assert stemcells.domains[0].train.x.shape[1] == 400


def test_the_counts_on_the_card_are_the_splits(stemcells):
    fibroblasts = [
        (int((d.train.y == 0).sum()), int((d.test.y == 0).sum())) for d in stemcells.domains
    ]
    assert fibroblasts[2:] == [(2, 1), (2, 1)]
    second = stemcells.domains[1]
    assert (int((second.train.y == 1).sum()), int((second.test.y == 1).sum())) == (2, 1)


def test_every_sample_is_judged_in_one_fold_and_every_type_in_each(stemcells):
    folds = stemcells.divisions()
    for number, domain in enumerate(stemcells.domains):
        tested = [fold.domains[number].test for fold in folds]
        rows = torch.cat([split.x for split in tested])
        assert len(rows.unique(dim=0)) == len(rows) == sum(labels(domain))
        assert all(split.y.bincount(minlength=3).min() >= 1 for split in tested)


def test_each_study_is_left_out_in_turn(stemcells):
    assert [len(t.sources) for t in stemcells.transfers] == [3] * 4
    assert {t.targets[0] for t in stemcells.transfers} == {d.name for d in stemcells.domains}


def test_the_stream_goes_from_the_largest_study_to_the_smallest(stemcells):
    sizes = [sum(labels(stemcells.domain(name))) for name in stemcells.streams[0].domains]
    assert sizes == sorted(sizes, reverse=True) == [51, 38, 21, 15]


def test_two_builds_hold_the_same_data(stemcells):
    from medtl_stemcells.dataset import build  # noqa: PLC0415

    assert build().digest() == stemcells.digest()


@pytest.mark.usefixtures("_data")
def test_without_rdata_one_sentence_says_what_to_install(monkeypatch):
    from medtl_stemcells import dataset  # noqa: PLC0415

    monkeypatch.setattr(dataset, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install medtl-bench\[cells\]") as caught:
        dataset.build()
    assert "\n" not in str(caught.value)


def test_a_missing_or_changed_file_is_told(tmp_path, monkeypatch):
    from medtl_stemcells.dataset import build  # noqa: PLC0415

    monkeypatch.setenv(OFFLINE, str(tmp_path))
    with pytest.raises(NotDownloadedError):
        build()
    (tmp_path / "stemcells").mkdir()
    (tmp_path / "stemcells" / "stemcells.rda").write_bytes(b"RDX3 but not really")
    with pytest.raises(IntegrityError, match="not as it was published"):
        build()
