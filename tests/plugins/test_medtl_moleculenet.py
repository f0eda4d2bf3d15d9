"""tox21, sider and muv: what is read, what is left out, and on which side of the split it is."""

import csv
import gzip
import io
import os
from importlib import metadata
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import DataError, IntegrityError, NotDownloadedError, NotInstalledError
from medtl_bench.files import cache
from medtl_bench.files.division import TRAIN
from medtl_bench.files.downloads import content

pytest.importorskip("rdkit", reason="needs rdkit: pip install medtl-bench[molecules]")

from medtl_moleculenet import dataset, molecules
from medtl_moleculenet.molecules import MISSING

OFFLINE = Path(os.environ.get("MEDTL_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
COLLECTIONS = {
    collection.name: collection for collection in (dataset.TOX21, dataset.SIDER, dataset.MUV)
}
BUILDERS = {"tox21": dataset.tox21, "sider": dataset.sider, "muv": dataset.muv}


@pytest.fixture(scope="module")
def built():
    """Return a function that builds a dataset once, from files found offline."""
    if not (OFFLINE / "moleculenet").is_dir():
        pytest.skip(
            "the tables of MoleculeNet are not here: "
            "MEDTL_BENCH_DATA names no folder that holds them"
        )
    held: dict[str, Dataset] = {}

    def build(name: str) -> Dataset:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MEDTL_BENCH_DATA", str(OFFLINE))
            return held.setdefault(name, held.get(name) or BUILDERS[name]())

    return build


@pytest.fixture
def offline(built, monkeypatch):
    monkeypatch.setenv("MEDTL_BENCH_DATA", str(OFFLINE))


def table(rows: list[str], header: str = "A,B,mol_id,smiles") -> bytes:
    # the bytes name tests, which no clock may change
    return gzip.compress("\n".join([header, *rows]).encode(), mtime=0)


def described(rows: list[str]):
    return molecules.described(table(rows), ("A", "B"), lambda label: np.ones(label.shape, bool))


def test_labels_and_smiles_are_those_of_the_table():
    found = described(["1,0,m,CCO", ",1.0,m,c1ccccc1O"])
    smiles = molecules.lines(found["smiles"])
    assert {s: found["label"][i].tolist() for i, s in enumerate(smiles)} == {
        "CCO": [1, 0],
        "c1ccccc1O": [MISSING, 1],
    }
    assert np.unpackbits(found["bits"], axis=1).sum(1).min() > 3


def test_smiles_that_do_not_parse_are_counted_and_named(capfd):
    found = described(["1,0,m,CCO", "1,0,m,C1CC", "0,1,m,NC(=O)NC1N=C(O[AlH3](O)O)NC1=O"])
    assert molecules.lines(found["smiles"]) == ["CCO"]
    assert sorted(molecules.lines(found["unparsed"])) == ["C1CC", "NC(=O)NC1N=C(O[AlH3](O)O)NC1=O"]
    assert capfd.readouterr() == ("", "")


def test_rows_of_one_molecule_are_merged_and_labels_they_disagree_on_left_out():
    found = described(["1,0,m,CCO", ",1,m,CCO", "1,,m,CCO", "0,0,m,CCN"])
    smiles = molecules.lines(found["smiles"])
    assert found["label"][smiles.index("CCO")].tolist() == [1, MISSING]
    assert int(found["conflicts"]) == 1


def test_a_molecule_without_labels_is_left_out():
    found = described(["1,0,m,CCO", ",,m,CCC", "0,1,m,CCN"])
    assert sorted(molecules.lines(found["smiles"])) == ["CCN", "CCO"]


def test_molecules_are_grouped_by_scaffold_and_by_fingerprint():
    # one bit pattern: radius 2 does not see the length
    same = ["CCCCCCCCCCCCCO", "CCCCCCCCCCCCCCO"]
    rows = [f"1,0,m,{s}" for s in ["c1ccccc1O", "Nc1ccccc1", "c1ccncc1", *same, "CCN"]]
    found = described(rows)
    group = dict(zip(molecules.lines(found["smiles"]), found["group"].tolist(), strict=True))
    assert group["c1ccccc1O"] == group["Nc1ccccc1"] != group["c1ccncc1"]
    assert group[same[0]] == group[same[1]] != group["CCN"]
    assert len(set(group.values())) == 4


def test_groups_are_linked_through_each_other():
    assert molecules.groups(["s", "s", "", "t"], [b"1", b"2", b"2", b"3"]).tolist() == [0, 0, 0, 1]
    assert len(set(molecules.groups(["", "", ""], [b"1", b"2", b"3"]).tolist())) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no gzip", "no gzipped csv file"),
        (table(["1,0,m,CCO"])[:-9], "no gzipped csv file"),
        (table(["1,m,CCO"], "A,mol_id,smiles"), r"lacks the columns 'B'"),
        (table([]), r"lacks the columns 'A', 'B', 'smiles'"),
        (table(["1,maybe,m,CCO"]), "holds the label 'maybe', but 0, 1 or nothing"),
    ],
)
def test_a_table_that_is_not_one_is_refused_in_a_sentence(content, told):
    with pytest.raises(DataError, match=told) as caught:
        molecules.read(content, ("A", "B"))
    assert "\n" not in str(caught.value)


def test_without_rdkit_the_extra_is_named(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(molecules.metadata, "version", missing)
    with pytest.raises(
        NotInstalledError, match=r"rdkit is not installed: pip install medtl-bench\[molecules\]"
    ):
        dataset.tox21()


@pytest.mark.parametrize("name", BUILDERS)
def test_without_its_file_it_is_not_downloaded(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTL_BENCH_DATA", str(tmp_path))
    with pytest.raises(NotDownloadedError, match=rf"{name}\.csv\.gz"):
        BUILDERS[name]()
    remote = COLLECTIONS[name].download.files[0]
    (tmp_path / "moleculenet").mkdir()
    (tmp_path / remote.path).write_bytes(b"something else")
    with pytest.raises(IntegrityError, match=rf"{name}\.csv\.gz"):
        BUILDERS[name]()


@pytest.mark.parametrize("name", BUILDERS)
def test_the_last_assays_are_new(built, name):
    whole, collection = built(name), COLLECTIONS[name]
    assert tuple(domain.name for domain in whole.domains) == collection.assays
    (transfer,) = whole.transfers
    assert transfer.targets == collection.assays[-len(transfer.targets) :]
    assert (len(transfer.sources), len(transfer.targets)) == {
        "tox21": (9, 3),
        "sider": (21, 6),
        "muv": (12, 5),
    }[name]


def test_the_new_assays_are_those_of_the_literature():
    assert dataset.TOX21.assays[-3:] == ("SR-HSE", "SR-MMP", "SR-p53")
    assert dataset.MUV.assays[-5:] == ("MUV-832", "MUV-846", "MUV-852", "MUV-858", "MUV-859")
    assert dataset.SIDER.assays[-6] == "Renal and urinary disorders"


@pytest.mark.parametrize("name", BUILDERS)
def test_no_molecule_of_a_test_split_is_learned_from_in_any_assay(built, name):
    domains = built(name).domains
    bits, groups = {}, {}
    for part in ("train", "val", "test"):
        splits = [domain.splits()[part] for domain in domains]
        bits[part] = set(fingerprints(torch.cat([split.x for split in splits])))
        groups[part] = set(torch.cat([split.groups for split in splits]).tolist())
    for a, b in combinations(bits, 2):
        assert not bits[a] & bits[b]
        assert not groups[a] & groups[b]


def fingerprints(x):
    return map(bytes, np.packbits(x.numpy().astype(bool), axis=1))


@pytest.mark.parametrize("name", BUILDERS)
def test_rare_classes_have_their_share_of_every_assays_splits(built, name):
    whole = built(name)
    for domain in whole.domains:
        rarest = [int(split.y.bincount(minlength=2).min()) for split in (domain.train, domain.test)]
        new = domain.name in whole.transfers[0].targets
        least = (9, 100 if name == "tox21" else 12) if new else (9, 4)
        assert rarest[0] >= least[0], domain.name
        assert rarest[1] >= least[1], domain.name


@pytest.mark.parametrize("name", BUILDERS)
def test_labels_are_those_of_the_table_and_what_lacks_one_is_left_out(built, offline, name):
    collection = COLLECTIONS[name]
    table = collection.table()
    smiles, part = molecules.lines(table["smiles"]), collection.parts(table)
    published = published_labels(collection, set(smiles[::7]))
    for number, assay in enumerate(collection.assays):
        label = table["label"][:, number]
        for row in range(0, len(smiles), 7):
            values = published[smiles[row], assay]
            assert label[row] == MISSING or values == {str(label[row])}
            assert collection.decoys or label[row] != MISSING or len(values) != 1
        expected = label[(part == TRAIN) & (label != MISSING)]
        assert built(name).domain(assay).train.y.tolist() == expected.tolist()


def published_labels(collection, smiles):
    """Return all labels that the rows of the table give a molecule in an assay."""
    labels = {}
    text = gzip.decompress(content(collection.download.files[0])).decode()
    for row in csv.DictReader(io.StringIO(text)):
        for assay in collection.assays if row["smiles"] in smiles else ():
            labels.setdefault((row["smiles"], assay), set()).update({row[assay][:1]} - {""})
    return labels


def test_muv_uses_every_active_and_decoys_enough_for_the_top_percent(built, offline):
    kept = dataset.MUV.table()
    assert ((kept["label"] == 1).sum(0)).tolist() == [
        27,
        29,
        30,
        30,
        29,
        29,
        30,
        28,
        29,
        28,
        29,
        29,
        30,
        30,
        29,
        29,
        24,
    ]
    for domain in built("muv").domains:
        decoys = int((domain.test.y == 0).sum())
        assert decoys >= (1900 if domain.name in dataset.MUV.assays[-5:] else 300)
    assert "the best EF1% that can be had is 9" in built("muv").card.notes


def test_the_cards_count_what_is_left_out(built):
    notes = built("tox21").card.notes
    assert "All 7,823 readable molecules are used" in notes
    assert "8 SMILES cannot be read by RDKit and are left out" in notes
    assert "NC(=O)NC1N=C(O[AlH3](O)O)NC1=O" in notes
    assert "64 labels are left out because rows of one molecule disagree" in notes
    assert "RDKit can read all their SMILES" in built("sider").card.notes
    assert "NC" in built("sider").card.licence


def test_a_kept_table_gives_the_same_dataset_as_a_fresh_one(built, offline, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    first = dataset.sider().digest()
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(molecules, "described", lambda *_: pytest.fail("computed again"))
    assert first == dataset.sider().digest() == built("sider").digest()
