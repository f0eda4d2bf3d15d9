"""davis-dti: its tables, its inputs, and which drugs and proteins stand on which side."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import DataError, NotDownloadedError, NotInstalledError
from medtl_bench.files.downloads import content
from medtl_bench.networks import build
from medtl_bench.protocols.support import draw_support

pytest.importorskip("rdkit", reason="needs rdkit: pip install medtl-bench[molecules]")

from medtl_davis import dataset, describe

OFFLINE = Path(os.environ.get("MEDTL_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def offline(monkeypatch):
    if not (OFFLINE / "davis").is_dir():
        pytest.skip(
            "the tables of Davis et al. are not here: "
            "MEDTL_BENCH_DATA names no folder that holds them"
        )
    monkeypatch.setenv("MEDTL_BENCH_DATA", str(OFFLINE))


@pytest.fixture(scope="module")
def held() -> dict[str, object]:
    return {}


@pytest.fixture
def davis(offline, held) -> Dataset:
    return held.setdefault("dataset", held.get("dataset") or dataset.build())


@pytest.fixture
def assay(offline, held) -> dataset.Assay:
    return held.setdefault("assay", held.get("assay") or dataset.load())


def sequences() -> dict[str, str]:
    return json.loads(content(dataset.DOWNLOAD.files[1]))


def drugs(x) -> set[bytes]:
    return {row.numpy().tobytes() for row in x["drug"]}


def proteins(x) -> set[bytes]:
    return {row.numpy().tobytes() for row in x["protein"]}


def test_affinities_are_those_that_were_published(assay):
    assert assay.pkd.shape == (68, 379)
    assert (float(assay.pkd.min()), float(assay.pkd.max())) == pytest.approx(
        (5.0, 10.620), abs=1e-3
    )
    imatinib = assay.drug.index(
        "CC1=C(C=C(C=C1)NC(=O)C2=CC=C(C=C2)CN3CCN(CC3)C)NC4=NC=CC(=N4)C5=CN=CC=C5"
    )
    assert assay.pkd[imatinib, assay.protein.index("ABL1")] == pytest.approx(
        9 - np.log10(1.1), abs=0.01
    )
    assert assay.pkd[imatinib, assay.protein.index("EGFR")] == 5


def test_one_entry_stands_for_each_sequence(offline):
    given, used = sequences(), dataset.kinase_groups()
    assert len(given) == 442
    assert Counter(given[name] for name in used) == Counter(set(given.values()))
    left_out = set(given) - set(used)
    assert len(left_out) == 63
    assert {
        "ABL1(T315I)",
        "ABL1p",
        "JAK1(JH2domain-pseudokinase)",
        "RSK1(KinDom.2-C-terminal)",
    } <= left_out
    assert {"ABL1", "EGFR", "KIT", "JAK1(JH1domain-catalytic)", "RSK1(KinDom.1-N-terminal)"} <= set(
        used
    )


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *(
            ("ABL1", "TK"),
            ("EPHA8", "TK"),
            ("BRAF", "TKL"),
            ("TGFBR2", "TKL"),
            ("MEK1", "STE"),
            ("PAK4", "STE"),
            ("AKT2", "AGC"),
        ),
        *(
            ("ROCK1", "AGC"),
            ("CHEK1", "CAMK"),
            ("PIM2", "CAMK"),
            ("CDK2", "CMGC"),
            ("p38-alpha", "CMGC"),
            ("CSNK1D", "CK1"),
        ),
        *(
            ("AURKA", "other"),
            ("PIK3CA", "other"),
            ("MTOR", "other"),
            ("PFPK5(Pfalciparum)", "other"),
        ),
    ],
)
def test_kinase_groups_are_those_of_manning(name, group):
    assert dataset.kinase_groups()[name] == group


def test_composition_counts_amino_acids_and_their_neighbours():
    found = describe.composition("AACXCA")
    assert found.shape == (420,)
    assert found[:2].tolist() == pytest.approx([3 / 5, 2 / 5])
    pairs = {a + c: found[20 + 20 * i + j] for i, a in enumerate("AC") for j, c in enumerate("AC")}
    assert pairs == pytest.approx({"AA": 1 / 3, "AC": 1 / 3, "CA": 1 / 3, "CC": 0})
    assert describe.composition("").tolist() == [0] * 420
    assert describe.composition("X").tolist() == [0] * 420


def test_smiles_that_do_not_parse_are_counted_and_named(capfd):
    with pytest.raises(
        DataError, match=r"RDKit cannot read 2 SMILES of the drugs: C1CC, nonsense\."
    ):
        describe.fingerprints(["CCO", "C1CC", "nonsense"])
    assert capfd.readouterr() == ("", "")


def test_without_rdkit_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rdkit", None)
    with pytest.raises(NotInstalledError, match=r"pip install medtl-bench\[molecules\]"):
        describe.scaffolds(["CCO"])


def test_without_its_files_it_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTL_BENCH_DATA", str(tmp_path))
    with pytest.raises(NotDownloadedError, match=r"ligands_can\.txt"):
        dataset.build()


def test_tables_that_do_not_fit_together_are_refused(offline, monkeypatch):
    whole = dataset.content
    monkeypatch.setattr(
        dataset, "content", lambda remote: b"5 6\n7 8\n" if "Kd" in remote.path else whole(remote)
    )
    with pytest.raises(
        DataError, match=r"The affinities are \[2, 2\], but of 68 drugs and 442 proteins"
    ):
        dataset.load()


def test_labels_follow_their_drug_and_protein(davis, assay):
    of_drug = {row.numpy().tobytes(): d for d, row in enumerate(assay.drug_x)}
    of_protein = {row.numpy().tobytes(): p for p, row in enumerate(assay.protein_x)}
    assert len(of_protein) == 379
    for domain in davis.domains:
        split = domain.test
        for x, y in zip(split.x, split.y.tolist(), strict=True):
            d, p = of_drug[x["drug"].numpy().tobytes()], of_protein[x["protein"].numpy().tobytes()]
            assert y == assay.pkd[d, p]
            assert domain.name in {
                *dataset.GROUPS,
                "known-targets",
                "new-targets",
                "known-drugs",
                "new-drugs",
            }
            assert domain.name not in dataset.GROUPS or assay.family[p] == domain.name


@pytest.mark.parametrize(
    ("scenario", "apart"),
    [("new-kinase-groups", proteins), ("cold-target", proteins), ("cold-drug", drugs)],
)
def test_what_is_new_is_in_no_training_split(davis, scenario, apart):
    transfer = davis.transfer(scenario)
    learned = set().union(*(apart(davis.domain(name).train.x) for name in transfer.sources))
    for name in transfer.targets:
        domain = davis.domain(name)
        assert not learned & apart(domain.test.x)
        assert not apart(domain.train.x) & apart(domain.test.x)


def test_every_pair_is_used_in_each_way_of_asking(davis):
    for names in (dataset.GROUPS, ("known-targets", "new-targets"), ("known-drugs", "new-drugs")):
        splits = [split for name in names for split in davis.domain(name).splits().values()]
        assert sum(map(len, splits)) == 68 * 379


def test_k_counts_proteins_or_scaffolds_which_come_with_all_their_pairs(davis):
    assert [transfer.unit for transfer in davis.transfers] == ["protein", "protein", "scaffold"]
    train = davis.domain("STE").train
    support = draw_support(davis.task, train, 2, torch.Generator(), by_group=True)
    assert len(support.groups.unique()) == 2
    assert len(support) == 2 * 68


def test_every_split_holds_strong_and_weak_pairs(davis):
    for domain in davis.domains:
        assert 0.01 < float((domain.test.y >= 7).float().mean()) < 0.2, domain.name
        assert len(domain.train) >= 300


def test_a_network_has_a_tower_for_each_part(davis):
    rows = davis.domain("TK").train[torch.arange(4)]
    assert build.build(rows.x, davis.task, 64)(rows.x).shape == (4,)


def test_two_builds_hold_the_same_data(davis, offline):
    assert dataset.build().digest() == davis.digest()


def test_the_card_says_what_is_left_out_and_judged(davis):
    assert "379" in davis.card.notes
    assert "63 are left out" in davis.card.notes
    assert "72% of all pairs are 5" in davis.card.notes
    assert "TK 81" in davis.card.shift
