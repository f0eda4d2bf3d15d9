import numpy as np
import pytest
import torch
from medtl_pbmc import batches
from medtl_pbmc.dataset import CLASSES, load
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from medtl_bench.contract.dataset import Dataset
from medtl_bench.files import cache
from medtl_bench.metrics import embeddings


@pytest.fixture(scope="module")
def simulated() -> Dataset:
    return batches.build()


def training(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    splits = [domain.train for domain in dataset.domains]
    x, y = torch.cat([s.x for s in splits]).numpy(), torch.cat([s.y for s in splits]).numpy()
    return x, np.repeat(range(4), [len(s) for s in splits]), y


def test_every_batch_trains_and_tests_on_all_ten_types(simulated):
    for domain in simulated.domains:
        assert (domain.train.y.bincount(minlength=10) >= 5).all()
        assert (domain.test.y.bincount(minlength=10) >= 30).all()
        assert [round(len(s), -2) for s in domain.splits().values()] == [200, 300, 1200]
        assert domain.train.x.shape[1] == 765


def test_the_same_four_types_are_rare_whichever_batch_is_left_out(simulated):
    rare = {"CD4+/CD45RO+ Memory", "CD4+/CD45RA+/CD25- Naive T", "CD56+ NK", "CD34+"}
    for transfer in simulated.transfers:
        y = torch.cat([simulated.domain(name).train.y for name in transfer.sources]).numpy()
        assert {CLASSES[c] for c in embeddings.rare(y, 10)} == rare


def test_one_type_is_doubled_in_each_batch(simulated):
    shares = {d.name: d.train.y.bincount(minlength=10) / len(d.train) for d in simulated.domains}
    for batch in batches.BATCHES:
        c = CLASSES.index(batch.doubled)
        others = torch.stack([share[c] for name, share in shares.items() if name != batch.name])
        assert shares[batch.name][c] > 1.6 * others.mean()


def test_no_real_cell_stands_behind_two_splits_of_any_batches(simulated):
    held = [
        {cell for domain in simulated.domains for cell in domain.splits()[part].groups.tolist()}
        for part in ("train", "val", "test")
    ]
    assert sum(map(len, held)) == len(set.union(*held)) > 600


def test_batches_catch_as_many_molecules_as_said(simulated):
    found = {}
    for domain in simulated.domains:
        scaled = torch.expm1(domain.train.x)
        # one count, so that 10,000 of it are the cell's counts
        smallest = scaled.where(scaled > 0, torch.inf).amin(1)
        found[domain.name] = float((1e4 / smallest).median()) / batches.COUNTS
    assert found == pytest.approx({batch.name: batch.capture for batch in batches.BATCHES}, rel=0.1)


def test_counts_vary_as_a_negative_binomial():
    random = np.random.RandomState(0)
    mean = 20.0
    counts = random.poisson(
        random.gamma(1 / batches.DISPERSION, batches.DISPERSION * np.full(200_000, mean))
    )
    assert counts.mean() == pytest.approx(mean, rel=0.01)
    assert counts.var() == pytest.approx(mean + batches.DISPERSION * mean**2, rel=0.02)


def test_neighbourhoods_hold_about_half_of_the_batches_before_any_correction(simulated):
    x, batch, y = training(simulated)
    z = PCA(30, random_state=0).fit_transform(x)
    assert 1.3 < embeddings.ilisi(z, batch, y) < 2.4
    assert embeddings.clisi(z, batch, y) < 2


def test_types_can_be_told_across_batches(simulated):
    x, batch, y = training(simulated)
    model = LogisticRegression(C=0.01, max_iter=300).fit(x[batch < 3], y[batch < 3])
    test = simulated.domains[3].test
    assert balanced_accuracy_score(test.y, model.predict(test.x)) > 0.4


def test_it_is_drawn_from_the_shipped_cells_the_same_each_time(simulated):
    assert batches.build().digest() == simulated.digest()
    types = np.bincount(load()["type"], minlength=10)
    assert types.sum() == 700


def test_what_was_kept_is_what_was_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    monkeypatch.setattr(batches, "ROWS", dict.fromkeys(batches.ROWS, 20))
    first = batches.build().digest()
    monkeypatch.setattr(batches, "drawn", lambda: pytest.fail("drawn again"))
    assert batches.build().digest() == first
