"""h5ad: the forms that people's files have, each read as what it means or told in a sentence."""

import warnings

import numpy as np
import pytest
import torch
from medtl_h5ad import dataset
from medtl_h5ad.columns import natural
from medtl_h5ad.request import Request, coded, meant

from medtl_bench.catalogue import discovery
from medtl_bench.errors import DataError, MedTLError

anndata = pytest.importorskip(
    "anndata", reason="anndata is not installed: pip install medtl-bench[cells]"
)
pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")

CELLS, GENES = 240, 25
DEFAULT = "batch=site&label=kind"


def counts(genes=GENES):
    """Return counts of four kinds of cells in three sites, no two cells alike."""
    random = np.random.RandomState(3)
    kind, site = np.arange(CELLS) % 4, np.arange(CELLS) // 4 % 3
    mean = random.gamma(1, 5, (4, genes))[kind] * np.exp(0.4 * random.randn(3, genes))[site]
    return random.poisson(mean).astype(np.float32)


def sites():
    return np.array([f"s{i // 4 % 3}" for i in range(CELLS)], dtype=object)


def kinds():
    return np.array([f"k{i % 4}" for i in range(CELLS)], dtype=object)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes an h5ad file of columns and matrices; it returns its path."""

    def made(x=None, name="cells.h5ad", layers=None, raw=None, **columns):
        obs = pd.DataFrame(
            {"site": sites(), "kind": kinds(), **columns},
            index=[f"cell{i}" for i in range(CELLS)],
        )
        file = anndata.AnnData(counts() if x is None else x, obs=obs, layers=layers)
        if raw is not None:
            file.raw = anndata.AnnData(raw, obs=obs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.write_h5ad(tmp_path / name)
        return tmp_path / name

    return made


def built(path, query=DEFAULT):
    return dataset.build(f"{path}?{query}")


def rows(data):
    return sum(len(split) for domain in data.domains for split in domain.splits().values())


def names(data):
    return [domain.name for domain in data.domains]


def replaced(values, texts):
    """Return a column whose first cells have other texts, each so many times."""
    changed, start = values.copy(), 0
    for text, number in texts.items():
        changed[start : start + number] = text
        start += number
    return changed


def test_batches_and_labels_of_few_cells_are_left_out_and_counted(write):
    path = write(
        site=replaced(sites(), {"x": 9, "y": 1}), kind=replaced(kinds()[::-1], {"z": 5})[::-1]
    )
    data = built(path)
    assert names(data) == ["s0", "s1", "s2"]
    assert data.task.classes == ("k0", "k1", "k2", "k3")
    assert rows(data) == CELLS - 10 - 5
    assert "2 batches of fewer than 10 cells left out: x (9), y (1)." in data.card.notes
    assert "1 label of fewer than 10 cells left out: z (5)." in data.card.notes
    assert names(built(path, f"{DEFAULT}&least=9")) == ["s0", "s1", "s2", "x"]


def test_a_batch_that_would_not_test_is_left_out_and_counted(write):
    site, kind = replaced(sites(), {"x": 4}), kinds()
    data = built(write(site=site, kind=kind), f"{DEFAULT}&least=2")
    assert names(data) == ["s0", "s1", "s2"]  # each of the four cells is the only one of its kind
    assert (
        "their batch having none to train on or to test: 4, among them all of x." in data.card.notes
    )


def test_too_few_batches_are_told_with_what_was_left_out(write):
    path = write(site=["all" if i > 3 else f"s{i}" for i in range(CELLS)])
    told = r"it names 'all'. 4 batches of fewer than 10 cells left out: s0 .* &least="
    with pytest.raises(DataError, match=told):
        built(path)


def test_equal_cells_are_left_out_and_counted_also_those_of_two_batches(write):
    x = counts()
    x[100:112] = x[:12]  # of other sites
    x[200], x[204] = x[0], 0
    data = built(write(x))
    assert rows(data) == CELLS - 14
    assert "left out for being equal to another one: 13." in data.card.notes
    assert "left out for all values being 0: 1." in data.card.notes


def test_cells_that_are_equal_in_the_genes_that_are_kept_stand_once_and_none_is_untrained(write):
    random = np.random.RandomState(0)
    rare = np.zeros((CELLS, 40), np.float32)
    rare[np.arange(CELLS), random.randint(0, 40, CELLS)] = random.randint(1, 4, CELLS)
    x = np.concatenate([np.minimum(counts(3), 3), rare], 1)
    data = built(write(x), f"{DEFAULT}&genes=4&least=2")
    assert 0 < rows(data) < CELLS
    assert "left out for being equal to another one" in data.card.notes
    every = torch.cat([s.x for domain in data.domains for s in domain.splits().values()])
    assert len(every.unique(dim=0)) == len(every)
    for domain in data.domains:
        assert set(domain.test.y.tolist()) <= set(domain.train.y.tolist())


def test_stored_zeros_and_the_form_of_a_matrix_change_nothing(write):
    x = counts()
    zeros = sparse.csr_matrix(x)
    zeros.data[::5] = 0
    without = zeros.copy()
    without.eliminate_zeros()
    assert zeros.nnz > without.nnz
    dense = zeros.toarray()
    forms = [zeros, without, zeros.tocsc(), dense, dense.astype(np.int64), dense.astype(np.uint16)]
    assert len({built(write(form, f"{n}.h5ad")).digest() for n, form in enumerate(forms)}) == 1


def test_counts_beyond_float32_are_read(write):
    x = counts().astype(np.int64) * 2**50
    assert rows(built(write(x))) == CELLS


UNKNOWN = ("nan", "NA", "Unknown", "", "unassigned", " n/a ", "None", "<NA>")


@pytest.mark.parametrize("column", ["site", "kind"])
def test_texts_that_mean_unknown_are_left_out_and_counted(write, column):
    values = {"site": sites, "kind": kinds}[column]()
    data = built(write(**{column: replaced(values, dict.fromkeys(UNKNOWN, 2))}))
    assert rows(data) == CELLS - 2 * len(UNKNOWN)
    assert (names(data), len(data.task.classes)) == (["s0", "s1", "s2"], 4)
    assert "left out for want of a batch or label (" in data.card.notes
    assert (
        "'unassigned' 2" in built(write(**{column: replaced(values, {"unassigned": 2})})).card.notes
    )


def test_an_option_names_more_texts_that_mean_unknown(write):
    path = write(kind=replaced(kinds(), {"Doublet": 20, "low, or dead": 12}))
    data = built(path, f"{DEFAULT}&unknown=low%2C or dead,Doublet")
    assert (rows(data), len(data.task.classes)) == (CELLS - 32, 4)
    assert data.name.endswith("&unknown=Doublet,low%2C or dead")
    assert built(path, data.name.partition("?")[2]).digest() == data.digest()


LATE = pd.Categorical.from_codes([0, 2, 3], ["late", "never", "early", "mid"])
RANKED = pd.Categorical.from_codes([0, 1, 2], ["10", "2", "9"], ordered=True)


@pytest.mark.parametrize(
    ("three", "order"),
    [
        (np.array(["10", "2", "1"], dtype=object), ["1", "2", "10"]),
        (np.array(["s10", "s9", "S1"], dtype=object), ["S1", "s9", "s10"]),
        (np.array([10, -2, 1]), ["-2", "1", "10"]),
        (np.array([10.0, 2.0, 1.5]), ["1.5", "2", "10"]),
        (np.array([True, False, True]), ["False", "True"]),
        (LATE, ["late", "early", "mid"]),
        (RANKED, ["10", "2", "9"]),
        (pd.Categorical.from_codes([2, 1, 0], [10, 2, 33]), ["10", "2", "33"]),
    ],
)
def test_names_stand_in_the_order_of_numbers_or_of_a_categorical(write, three, order):
    data = built(write(site=three[np.arange(CELLS) // 4 % 3]))
    assert names(data) == order
    assert data.streams[0].domains == tuple(order)


def test_natural_order_takes_any_digits():
    assert natural(["a10", "a9", "b1", "a" + "9" * 5000]) == ["a9", "a10", "a" + "9" * 5000, "b1"]


def test_layers_and_raw_can_be_read_and_are_named(write):
    wide = np.concatenate([counts(), counts()], 1)
    scaled = (counts() - 5) / 3
    path = write(scaled, layers={"counts": counts(), "raw counts": counts() + 1}, raw=wide)
    data = built(path)
    assert "Some values are below 0" in data.card.notes
    assert "Counts are in counts, raw counts, raw, which &layer= names." in data.card.notes
    layer = built(path, f"{DEFAULT}&layer=counts")
    assert "counts holds counts" in layer.card.notes
    assert layer.digest() == built(write(name="other.h5ad")).digest()
    assert layer.name == "h5ad:cells.h5ad?batch=site&label=kind&layer=counts"
    assert built(path, f"{DEFAULT}&layer=X").name == data.name
    assert built(path, f"{DEFAULT}&layer=raw").domains[0].train.x.shape[1] == 2 * GENES
    assert rows(built(path, f"layer=raw%20counts&{DEFAULT}")) == CELLS
    with pytest.raises(MedTLError, match=r"no layer of cells.h5ad named 'count'; did you mean"):
        built(path, f"{DEFAULT}&layer=count")


def test_a_file_without_x_says_what_it_has(write, tmp_path):
    path = write(layers={"counts": counts()})
    with pytest.importorskip("h5py").File(path, "a") as file:
        del file["X"]
    with pytest.raises(DataError, match="no matrix X; it has counts, one of which &layer= names"):
        built(path)
    assert rows(built(path, f"{DEFAULT}&layer=counts")) == CELLS


@pytest.mark.parametrize(
    "name", ["a+b", "50%site", "a&b", "a=b", "is it?", "n#1", "Größe/β", "x y"]
)
def test_columns_of_any_name_can_be_typed_as_they_are_and_as_in_addresses(write, name):
    path = write(**{name: sites()})
    data = built(path, f"batch={name}&label=kind")
    assert names(data) == ["s0", "s1", "s2"]
    assert built(path, f"label=kind&batch={coded(name, '+%&=?# ')}").name == data.name
    again = dataset.build(f"{path}?{data.name.partition('.h5ad?')[2]}")
    assert again.name == data.name


def test_a_name_is_taken_as_typed_before_it_is_decoded():
    assert meant("100%25", ["100%25", "100%"]) == "100%25"
    assert meant("100%25", ["100%"]) == "100%"
    assert Request.parse("what?.h5ad?batch=a&b&label=c").batch == "a&b"
    assert Request.parse("what?.h5ad?batch=a&b&label=c").path == "what?.h5ad"


def test_an_unknown_option_says_how_an_ampersand_is_written(write):
    with pytest.raises(
        MedTLError, match=r"named 'gens'; did you mean 'genes'\? An & within .* %26"
    ):
        built(write(), f"{DEFAULT}&gens=3")


def test_the_name_tells_what_differs_from_the_default(write):
    path = write()
    short = "h5ad:cells.h5ad?batch=site&label=kind"
    assert built(path, "label=kind&genes=2000&least=10&batch=site").name == short
    assert built(path, f"{DEFAULT}&genes=9999").name == short  # it has no more
    assert built(path, f"genes=5&least=3&{DEFAULT}").name == f"{short}&genes=5&least=3"


def test_one_file_by_several_paths_is_one_dataset_without_folders(write, monkeypatch):
    path = write()
    (path.parent / "link.h5ad").symlink_to(path)
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("HOME", str(path.parent))
    ways = ["cells.h5ad", "./cells.h5ad", str(path), "link.h5ad", "~/cells.h5ad", "cells%2Eh5ad"]
    found = discovery.find()
    (name,) = {found.dataset(f"h5ad:{way}?{DEFAULT}").name for way in ways}
    assert name == f"h5ad:cells.h5ad?batch=site&label=kind#{built(path).digest()[:8]}"
    assert found.dataset(name).name == name


def test_columns_that_stand_twice_and_duplicate_cell_names_are_no_traceback(write):
    path = write()
    file = anndata.read_h5ad(path)
    file.obs_names = ["same"] * CELLS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.write_h5ad(path)
    assert rows(built(path)) == CELLS


def test_many_numbers_are_no_batches_but_many_texts_may_be(write):
    numbers = np.arange(CELLS) % 210
    with pytest.raises(DataError, match=r"has 210 different values .* store them as text"):
        built(write(site=numbers), f"{DEFAULT}&least=2")


@pytest.mark.parametrize(
    "name",
    ["a#b.h5ad", "a?b.h5ad", "50%20.h5ad", "c:d.h5ad", "e f.h5ad", "g?batch=z&h.h5ad", "ä.x"],
)
def test_files_of_any_name_can_be_typed_and_keep_their_identity(write, name):
    path, found = write(name=name), discovery.find()
    data = found.dataset(f"h5ad:{path}?{DEFAULT}")
    assert data.name.endswith(f"#{data.digest()[:8]}")
    again = found.dataset(f"h5ad:{path.parent}/{data.name.removeprefix('h5ad:')}")
    assert again.name == data.name


@pytest.mark.parametrize("name", ["x" * 300 + ".h5ad", "~nobody/x.h5ad", "loop.h5ad", "s3://b/x"])
def test_paths_that_lead_nowhere_are_told_in_a_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.h5ad").symlink_to("loop.h5ad")
    with pytest.raises(DataError, match=r"^There is no file '"):
        discovery.find().dataset(f"h5ad:{name}?{DEFAULT}")


def test_halves_and_booleans_are_numbers_and_complex_numbers_are_none(write):
    x = counts()
    whole = built(write(x)).digest()
    assert built(write(x.astype(np.float16), "half.h5ad")).digest() == whole
    assert rows(built(write(x > 4, "bool.h5ad"))) > 0
    with pytest.raises(DataError, match=r"The matrix X of complex.h5ad holds complex128, no num"):
        built(write(x.astype(complex), "complex.h5ad"))


def test_an_index_that_leads_out_of_the_matrix_is_told(write):
    path = write(sparse.csr_matrix(counts()))
    with pytest.importorskip("h5py").File(path, "a") as file:
        file["X/indices"][0] = 10**6
    with pytest.raises(DataError, match=r"cells.h5ad cannot be read as h5ad: ValueError: .*ind"):
        built(path)


def test_a_batch_that_is_a_copy_of_another_is_told(write):
    x, site = counts(), sites()
    x[site == "s1"] = x[site == "s0"]
    data = built(write(x))
    assert names(data) == ["s0", "s2"]
    assert "for being equal to another one: 80, among them all of s1." in data.card.notes
