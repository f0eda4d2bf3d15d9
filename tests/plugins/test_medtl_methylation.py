import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_baselines.sklearn import LogisticRegression
from medtl_methylation import dataset

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.task import Task
from medtl_bench.errors import IntegrityError, NotDownloadedError
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.results.store import Store

DATA = Path(
    os.environ.get("MEDTL_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data")
).resolve()


@pytest.fixture(scope="module", autouse=True)
def _offline_folder() -> None:
    if not (DATA / dataset.DOWNLOAD.files[0].path).is_file():
        pytest.skip(f"{DATA} does not hold the sites of iDNA-MS")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDTL_BENCH_DATA", str(DATA))
        yield


@pytest.fixture(scope="module")
def methylation() -> Dataset:
    return dataset.build()


@pytest.fixture(scope="module")
def shipped() -> dict[str, dict[str, dataset.Sites]]:
    return {part: sites_of(part) for part in ("train", "test")}


def sites_of(part: str) -> dict[str, dataset.Sites]:
    return {species.name: dataset.read(species.remote(part)) for species in dataset.SPECIES}


def texts(x: torch.Tensor) -> list[str]:
    letters = np.array(list("ACGT"))[x.argmax(1).numpy()]
    return ["".join(row) for row in letters]


def reverse_complement(text: str) -> str:
    return "".join({"A": "T", "C": "G", "G": "C", "T": "A"}[letter] for letter in reversed(text))


def test_the_files_hold_what_idna_ms_published(
    shipped: dict[str, dict[str, dataset.Sites]],
) -> None:
    lines = {
        s.name: len(dataset.content(s.remote("train")).splitlines()) - 1 for s in dataset.SPECIES
    }
    assert lines == {
        "a-thaliana": 31874,
        "c-elegans": 7962,
        "c-equisetifolia": 6066,
        "d-melanogaster": 11192,
        "f-vesca": 3102,
        "h-sapiens": 18336,
        "r-chinensis": 600,
        "s-cerevisiae": 3786,
    }
    for species in shipped["test"].values():
        every = [*species[0], *species[1]]
        assert {len(text) for text in every} == {41}
        assert {text[20:21] for text in every} == {b"A"}
        assert set(b"".join(every)) == set(b"ACGT")


def test_species_are_balanced_and_of_the_sizes_that_the_card_says(methylation: Dataset) -> None:
    for domain in methylation.domains:
        few = domain.name == "r-chinensis"
        assert domain.test.y.bincount().tolist() == ([299, 299] if few else [1000, 1000])
        assert domain.val.y.bincount().tolist() == [100, 100]
        assert 0.33 < float(domain.train.y.float().mean()) < 0.67 or few
        assert (domain.train.y.bincount() >= (95 if few else 900)).all()
    assert "(281 of r-chinensis to 30,901 of a-thaliana)" in methylation.card.notes


def test_a_site_is_the_sequence_of_its_row(
    methylation: Dataset, shipped: dict[str, dict[str, dataset.Sites]]
) -> None:
    for domain in methylation.domains:
        for name, split in domain.splits().items():
            assert (split.x.sum(1) == 1).all()
            of_class = [*map(set, shipped["test" if name == "test" else "train"][domain.name])]
            for text, label in zip(texts(split.x), split.y.tolist(), strict=True):
                assert text.encode() in of_class[label]


def test_no_sequence_stands_in_two_splits_or_under_two_labels(methylation: Dataset) -> None:
    where: dict[str, set[tuple[str, int]]] = {}
    for domain in methylation.domains:
        for name, split in domain.splits().items():
            found = texts(split.x)
            assert len(set(found)) == len(found)
            for text, label in zip(found, split.y.tolist(), strict=True):
                where.setdefault(text, set()).add((name, label))
    assert [text for text, places in where.items() if len(places) > 1] == []


def test_no_place_of_a_genome_stands_on_two_sides_not_even_on_the_other_strand(
    methylation: Dataset,
) -> None:
    def pieces(split: str, *, both: bool) -> set[str]:
        rows = [text for domain in methylation.domains for text in texts(domain.splits()[split].x)]
        strands = [*rows, *map(reverse_complement, rows)] if both else rows
        return {text[start : start + 20] for text in strands for start in range(22)}

    train, val, test = (pieces(split, both=split == "test") for split in ("train", "val", "test"))
    assert not train & test
    assert not val & test
    assert not train & val


def test_an_overlapping_window_of_the_test_file_is_passed_over() -> None:
    genome = b"ACGGTCATTGCAGTCCATGGATTACGATCGGATTAGCAACTTGCAGGT"
    test = {"a": ([], [genome[:41]])}
    train = {"a": ([genome[5:46], genome[:20] + b"T" * 21, b"C" * 41], [genome[:10] * 4 + b"A"])}
    chosen = dataset.choose(train, 10, {b"C" * 41}, dataset.fragments(dataset.Chosen(test, 0)))
    assert chosen.passed_over == 2
    assert chosen.sites == {"a": ([], [genome[:10] * 4 + b"A"])}
    other_strand = genome[5:46].translate(dataset.COMPLEMENT)[::-1]
    assert (
        dataset.choose(
            {"a": ([other_strand], [])}, 10, set(), dataset.fragments(dataset.Chosen(test, 0))
        ).passed_over
        == 1
    )


def test_sequences_that_are_called_both_are_left_out(
    shipped: dict[str, dict[str, dataset.Sites]],
) -> None:
    files = [*shipped["train"].values(), *shipped["test"].values()]
    unmethylated = {text for sites in files for text in sites[0]}
    methylated = {text for sites in files for text in sites[1]}
    both = unmethylated & methylated
    assert dataset.ambiguous(files) == both
    assert len(both) == 21


def test_the_card_counts_what_was_left_out(methylation: Dataset) -> None:
    assert "21 sequences that upstream calls both" in methylation.card.notes
    assert "2,634 training and validation sites" in methylation.card.notes


def test_the_default_transfers_leave_one_species_out_and_single_sources_are_optional(
    methylation: Dataset,
) -> None:
    assert Counter((len(t.sources), t.optional) for t in methylation.transfers) == {
        (7, False): 8,
        (1, True): 8,
    }
    assert all(len({*t.sources, *t.targets}) == 8 for t in methylation.transfers)
    assert [len(stream.domains) for stream in methylation.streams] == [5]


def test_every_file_is_pinned_where_the_folder_has_it() -> None:
    assert len({file.path for file in dataset.DOWNLOAD.files}) == 16
    for file in dataset.DOWNLOAD.files:
        assert (DATA / file.path).is_file()
        assert file.address.endswith(file.path.removeprefix("idna_ms/"))


def test_without_the_files_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTL_BENCH_DATA", str(tmp_path))
    with pytest.raises(NotDownloadedError, match="cannot be read"):
        dataset.build()


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = dataset.SPECIES
    monkeypatch.setattr(dataset, "SPECIES", (replace(first, train="0" * 64), *rest))
    with pytest.raises(IntegrityError, match="not as it was published"):
        dataset.build()


def matrix(methylation: Dataset, method: type[Algorithm]) -> np.ndarray:
    """Return the accuracy on each species (columns) after learning from one alone (lines)."""

    def make(task: Task, generator: torch.Generator) -> Algorithm:
        return method(task, generator)

    names = [domain.name for domain in methylation.domains]
    found = np.full((8, 8), np.nan)
    for scenario in methylation.transfers:
        if len(scenario.sources) == 1:
            for score in transfer(
                methylation, scenario, make, seed=0, shots=(), draws=0, clock=Clock()
            ):
                if score.stage == "fit" and score.metric == "accuracy":
                    found[names.index(scenario.sources[0]), names.index(score.domain)] = score.value
    return found


@pytest.mark.slow
@pytest.mark.parametrize("method", [FineTune, LogisticRegression])
def test_the_matrix_of_species_is_clearly_better_on_the_diagonal(
    methylation: Dataset, method: type[Algorithm]
) -> None:
    found = matrix(methylation, method)
    assert np.isfinite(found).all()
    own, others = found.diagonal(), (found.sum(0) - found.diagonal()) / 7  # of each tested species
    print(method.__name__, found.round(3).tolist(), own.mean(), others.mean())
    assert own.mean() > others.mean() + 0.05
    assert (own > others).sum() >= 7


def test_it_runs_end_to_end(medtl: Callable[..., Any], tmp_path: Path) -> None:
    methods = ("-a", "fine-tune", "-a", "dann", "-a", "logistic-regression")
    done = medtl(
        "run",
        "-d",
        "dna-methylation",
        *methods,
        "--preset",
        "smoke",
        "--on",
        "in-process",
        "--out",
        tmp_path,
    )
    assert done.code == 0
    assert "6 trials ran, 0 were skipped, 0 failed." in done.out
    scored = {
        score.metric.partition(" ")[0]
        for record in Store(tmp_path / "results").read().records.values()
        for score in record.outcome.scores
    }
    assert scored == {"accuracy", "mcc", "roc_auc", "ece", "brier", "confusion"}
