import gzip
import warnings

import numpy as np
import pytest
import torch
from medtl_h5ad import dataset, genes, reading

from medtl_bench.catalogue import discovery
from medtl_bench.errors import DataError, MedTLError, NotInstalledError
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer

anndata = pytest.importorskip(
    "anndata", reason="anndata is not installed: pip install medtl-bench[cells]"
)
pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")
h5py = pytest.importorskip("h5py")

CELLS = 180


def counts() -> np.ndarray:
    random = np.random.RandomState(0)
    kind, donor = np.arange(CELLS) % 3, np.arange(CELLS) // 3 % 3
    mean = random.gamma(1, 4, (3, 30))[kind] * np.exp(0.5 * random.randn(3, 30))[donor]
    return random.poisson(mean).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes an h5ad file of three donors and types; it returns its path."""

    def made(x=None, name="cells.h5ad", **columns):
        obs = pd.DataFrame(
            {
                "donor": pd.Categorical([f"d{i // 3 % 3}" for i in range(CELLS)]),
                "cell_type": [f"t{i % 3}" for i in range(CELLS)],
                **columns,
            },
            index=[f"cell{i}" for i in range(CELLS)],
        )
        path = tmp_path / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            anndata.AnnData(sparse.csr_matrix(counts()) if x is None else x, obs=obs).write_h5ad(
                path
            )
        return path

    return made


def built(path, query="batch=donor&label=cell_type"):
    return dataset.build(f"{path}?{query}")


def rows(data):
    return torch.cat([split.x for domain in data.domains for split in domain.splits().values()])


def test_batches_are_domains_and_labels_classes(write):
    path = write()
    data = built(path)
    assert data.name == "h5ad:cells.h5ad?batch=donor&label=cell_type"
    assert [d.name for d in data.domains] == ["d0", "d1", "d2"]
    assert data.task.classes == ("t0", "t1", "t2")
    assert [(t.name, t.optional) for t in data.transfers] == [
        ("others-to-d0", False),
        ("others-to-d1", False),
        ("others-to-d2", True),
    ]
    assert len(rows(data)) == CELLS
    assert all((d.test.y.bincount(minlength=3) == 6).all() for d in data.domains)


def test_counts_are_log_normalised_cell_by_cell_and_other_values_left_alone(write):
    data = built(write())
    assert torch.expm1(rows(data)).sum(1).allclose(torch.tensor(1e4), rtol=1e-4)
    assert "log(1 + counts per 10,000)" in data.card.notes
    values = np.random.RandomState(1).randn(CELLS, 5).astype(np.float32)
    taken = built(write(values, "values.h5ad"))
    assert sorted(rows(taken).flatten().tolist()) == sorted(values.flatten().tolist())
    assert "taken as it is" in taken.card.notes


def test_dense_and_sparse_files_hold_the_same_data(write):
    dense, thin = write(counts(), "a.h5ad"), write(sparse.csc_matrix(counts()), "b.h5ad")
    assert torch.equal(rows(built(dense)), rows(built(thin)))


def test_the_most_variable_genes_are_chosen_by_training_cells_within_batches(write):
    x, batch = sparse.csr_array(counts()), np.arange(CELLS) // 3 % 3
    part = (np.arange(CELLS) % 4 == 0).astype(np.int8) * 2
    kept = genes.most_variable(x, batch, part, 7)
    within = np.mean(
        [counts()[(batch == b) & (part == 0)].var(0) for b in np.unique(batch)], axis=0
    )
    assert kept.tolist() == sorted(np.argsort(-within)[:7].tolist())
    changed = counts()
    changed[part != 0] = 999 * np.random.RandomState(2).rand(*changed[part != 0].shape)
    assert genes.most_variable(sparse.csr_array(changed), batch, part, 7).tolist() == kept.tolist()
    assert rows(built(write(), "batch=donor&label=cell_type&genes=7")).shape[1] == 7


def test_cells_without_batch_or_label_are_left_out_and_counted(write):
    kinds = [None if i < 4 else f"t{i % 3}" for i in range(CELLS)]
    data = built(write(cell_type=kinds))
    assert len(rows(data)) == CELLS - 4
    assert data.task.classes == ("t0", "t1", "t2")
    assert "left out for want of a batch or label (no value 4): 4." in data.card.notes


def test_two_builds_hold_the_same_data(write):
    path = write()
    assert built(path).digest() == built(path).digest()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "batch=doner&label=cell_type",
            r"no column of cells named 'doner'; did you mean 'donor'",
        ),
        (
            "batch=donor&label=celltype",
            r"no column of cells named 'celltype'; did you mean 'cell_type'\?",
        ),
        ("batch=donor", r"named as h5ad:PATH\?batch=COLUMN&label=COLUMN"),
        ("batch=donor&label=", r"named as h5ad:PATH"),
        ("batch=donor&label=cell_type&genes=many", "genes must be a whole number from 1 on, but"),
        ("batch=donor&label=cell_type&genes=²", "genes must be a whole number from 1 on, but"),
        ("batch=donor&label=cell_type&least=1", "least must be a whole number from 2 on, but got"),
        ("batch=donor&label=cell_type&batch=one", "The option 'batch' of h5ad: is given twice"),
        (
            "batch=donor&label=cell_type&gene=5",
            r"no option of h5ad: named 'gene'; did you mean 'genes'\?",
        ),
        ("batch=one&label=cell_type", r"must name two or more batches, but .* it names 'a'\."),
        ("batch=donor&label=one", r"must name two or more labels, but .* it names 'a'\."),
        ("batch=donor&label=donor", "'donor' is asked for as batch and as label"),
        ("batch=donor&label=own", r"Each label \(column 'own'\) stands with one batch only"),
        ("batch=donor&label=ill", r"Each batch \(column 'donor'\) stands with one label only"),
        (
            "batch=donor&label=depth",
            r"'depth' has \d+ different values in 180 cells, .* of 2 to 50 values: 'donor',",
        ),
        ("batch=barcode&label=cell_type", "'barcode' has 180 different .* cannot be the batch"),
        ("batch=donor&label=cell_type&layer=X2", "no layer of cells.h5ad named 'X2'; did you mean"),
        (
            "batch=donor&label=cell_type&unknown=t5",
            "no value of 'donor' or 'cell_type' named 't5'; did you mean 't",
        ),
    ],
)
def test_a_wrong_name_is_told_in_one_sentence(query, told, write):
    path = write(
        one=["a"] * CELLS,
        own=[f"d{i // 3 % 3}t{i % 3}" for i in range(CELLS)],
        ill=["no" if i // 3 % 3 else "yes" for i in range(CELLS)],
        depth=counts().sum(1) + np.arange(CELLS) / 7,
        barcode=[f"AC{i}" for i in range(CELLS)],
    )
    with pytest.raises(MedTLError, match=told) as caught:
        built(path, query)
    assert "\n" not in str(caught.value)


def written(path, content):
    path.write_bytes(content)
    return path


def test_what_is_no_h5ad_file_is_told_in_one_sentence(write, tmp_path):
    whole = write()
    content = whole.read_bytes()
    (tmp_path / "store.zarr").mkdir()
    other = tmp_path / "counts.h5"
    with h5py.File(other, "w") as file:
        file.create_group("matrix")
    for path, told in (
        (tmp_path / "cell.h5ad", r"There is no file '.*'; did you mean '.*/cells.h5ad'"),
        (written(tmp_path / "cut.h5ad", content[:3000]), "cannot be read"),
        (written(tmp_path / "other.h5ad", b"not HDF5 at all"), "it is no HDF5 file"),
        (written(tmp_path / "empty.h5ad", b""), "it is empty"),
        (written(tmp_path / "cells.h5ad.gz", gzip.compress(content)), "unpack it with gunzip"),
        (tmp_path / "store.zarr", "is a folder, and only h5ad files are read"),
        (other, r"no h5ad file: it has no table of cells \(obs\); it holds matrix"),
    ):
        with pytest.raises(DataError, match=told) as caught:
            built(path)
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "The matrix X of cells.h5ad holds 1 values that are NaN or infinite"),
        (-np.inf, "holds 1 values that are NaN or infinite"),
        (-1e300, "values up to 1e\\+300, which are too large"),
    ],
)
def test_values_that_no_method_could_take_are_told(write, value, told):
    x = counts().astype(np.float64)
    x[3, 3] = value
    with pytest.raises(DataError, match=told):
        built(write(x))


def test_without_anndata_one_sentence_says_what_to_install(write, monkeypatch):
    path = write()
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(
        NotInstalledError, match=r"anndata is not installed: pip install medtl-bench\[cells\]"
    ):
        built(path)


def test_methods_run_on_it_by_its_name(write):
    found = discovery.find()
    data = found.dataset(f"h5ad:{write()}?batch=donor&label=cell_type")
    scores = transfer(
        data,
        data.transfers[0],
        found.algorithm("combat"),
        seed=0,
        shots=(1,),
        draws=1,
        clock=Clock(),
    )
    values = {(score.stage, score.metric): score.value for score in scores}
    assert values["fit", "balanced_accuracy"] > 0.9
    assert {metric for stage, metric in values if stage == "embedding"} >= {
        "ilisi",
        "clisi",
        "label_transfer",
    }
