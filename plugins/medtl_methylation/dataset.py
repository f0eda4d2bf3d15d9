"""Methylation sites of iDNA-MS as eight domains: methylated (6mA) or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files.downloads import Download, Remote, content

COMMIT = "6feae58080cb8a675590a1fbf3a956baf25142f3"
REPOSITORY = f"https://raw.githubusercontent.com/FakeEnd/iDNA_ABF/{COMMIT}/data/DNA_MS/tsv"
LETTERS = b"ACGT"
LENGTH = 41
COMPLEMENT = bytes.maketrans(LETTERS, LETTERS[::-1])
# rows of a species at most, half of them methylated: all of the training files; of the test files
# so many that rows do not limit what is seen, for each trial predicts those of all species
SIZES = {"train": 100_000, "val": 200, "test": 2000}
# bases in a row: two windows that share so many on either strand are of one place or of a repeat
OVERLAP = 20
METRICS = ("accuracy", "mcc", "roc_auc", "ece", "brier")

Sites = tuple[list[bytes], list[bytes]]  # sequences of 41 bases: unmethylated, methylated


@dataclass(frozen=True)
class Species:
    """A species and the SHA-256 of its two files."""

    latin: str
    train: str
    test: str

    @property
    def name(self) -> str:
        """Return the name of the domain, as "a-thaliana"."""
        genus, species = self.latin.lower().split()
        return f"{genus[0]}-{species}"

    def remote(self, part: str) -> Remote:
        """Return its file `train` or `test`."""
        genus, species = self.latin.split()
        path = f"6mA/6mA_{genus[0]}.{species}/{part}.tsv"
        return Remote(f"idna_ms/{path}", f"{REPOSITORY}/{path}", getattr(self, part))


SPECIES = (
    Species(
        "Arabidopsis thaliana",
        "665ba0ddb7b008af96b454c44db0a2257c45d305a53f4c4c4112e9891c23596c",
        "1c0bb1b85f47c571a7f47fc9a1862cefb8af52b53c05e4c10a3cba544d83b612",
    ),
    Species(
        "Caenorhabditis elegans",
        "356dca2dcb45e5424a7fcc6b23fc5814e640b261e6eeffbc55a04b7a3ded69a5",
        "1869b05c7f1ccdbb965237e993fe69070e0ce6ca1fd65e13aae12317b43fc8a2",
    ),
    Species(
        "Casuarina equisetifolia",
        "37ee8776448aa063cdbb8dcf5499262bbac2092f702d2e0eb15d9503f96645fe",
        "fb9d0f5275973c5b4c547023be8e654881a0e5afd061fde761b3f1a66cc183f6",
    ),
    Species(
        "Drosophila melanogaster",
        "1376d584fda1405f18ac0698c915bd26bd45c443c34e37f95e2d713deb5f30d2",
        "19448780e02b802dbd09b4d4aca005d6b6f8d55e8ae52f172aa86792ba9d931f",
    ),
    Species(
        "Fragaria vesca",
        "279d69d947b334116a68d7c90d1e7e6d6335202d69d64eaa7662e5d5c73b3881",
        "cf8e175437c45a3f1735e0e1fb11ef0c5a0400a5af45e25cb3e6423e7cc9738c",
    ),
    Species(
        "Homo sapiens",
        "0f8a62ad953254c00f2cf4acd4a257516429d3fa51d7a6a0f91997b6df91bbff",
        "124744fc6aab1ad9c12569403cdbd1e182f04277670cb9f22d32f99a058d6ed2",
    ),
    Species(
        "Rosa chinensis",
        "beb92fae87aa8e3f5dc0b24f6b7e1c95f20c31c10226116f4d198bccc0304f42",
        "33c34a6c05bd0cc47eb3fbadcf054ee76ed4d79fc5b28a5979117590cbf325f0",
    ),
    Species(
        "Saccharomyces cerevisiae",
        "6acbd46abe75ed0c57e4962ce69deb50dc5f6c834a84eae7ce9d999dc3d5eb7f",
        "91f12962b59f4501f3dea8baa9cd74059425e6c1f01bff1f34846b43a3b78521",
    ),
)
NAMES = tuple(species.name for species in SPECIES)
MODEL_ORGANISMS = ("a-thaliana", "c-elegans", "d-melanogaster", "h-sapiens", "s-cerevisiae")
DOWNLOAD = Download(
    licence="No licence is stated with the files; published for research with Lv et al. "
    "2020 (iDNA-MS), which is to be cited",
    files=tuple(species.remote(part) for species in SPECIES for part in ("train", "test")),
)


@dataclass(frozen=True)
class Chosen:
    """The sites chosen of each species for a split, and how many overlaps were passed over."""

    sites: dict[str, Sites]
    passed_over: int

    @property
    def rows(self) -> dict[str, int]:
        """Return how many sites there are of each species."""
        return {name: sum(map(len, sites)) for name, sites in self.sites.items()}


def build() -> Dataset:
    """Return the dataset; raises NotDownloadedError or IntegrityError."""
    train = {species.name: read(species.remote("train")) for species in SPECIES}
    test = {species.name: read(species.remote("test")) for species in SPECIES}
    unclear = ambiguous([*train.values(), *test.values()])
    splits = divide(train, test, unclear)
    return Dataset(
        name="dna-methylation",
        card=_card(splits, unclear),
        task=Task("classification", ("unmethylated", "methylated"), METRICS),
        domains=tuple(_domain(name, splits) for name in NAMES),
        transfers=(
            *(Transfer(f"others-to-{name}", _others(name), (name,)) for name in NAMES),
            *(Transfer(f"from-{name}", (name,), _others(name), optional=True) for name in NAMES),
        ),
        streams=(Stream("model-organisms", MODEL_ORGANISMS),),
    )


def _domain(name: str, splits: dict[str, Chosen]) -> Domain:
    return Domain(name, *(encode(splits[part].sites[name]) for part in SIZES))


def _others(name: str) -> tuple[str, ...]:
    return tuple(other for other in NAMES if other != name)


def read(remote: Remote) -> Sites:
    """Return the different sequences of a file by class, shuffled.

    Raises NotDownloadedError or IntegrityError.
    """
    words = content(remote).split()  # index, label, text; the first three are the headings
    of_label: dict[bytes, list[bytes]] = {b"0": [], b"1": []}
    for label, text in zip(words[4::3], words[5::3], strict=True):
        of_label[label].append(text)
    return _shuffled(of_label[b"0"]), _shuffled(of_label[b"1"])


def _shuffled(texts: Iterable[bytes]) -> list[bytes]:
    # in the order of CRC-32, which takes a tenth of the time of SHA-256: this is done for
    # every trial
    return sorted(dict.fromkeys(texts), key=crc32)


def ambiguous(files: Iterable[Sites]) -> set[bytes]:
    """Return the sequences that stand in the files as methylated and as not."""
    unmethylated, methylated = zip(*files, strict=True)
    return set().union(*unmethylated) & set().union(*methylated)


def divide(
    train: dict[str, Sites], test: dict[str, Sites], unclear: set[bytes]
) -> dict[str, Chosen]:
    """Return the three splits: test from the test files, the others from the training files.

    What overlaps with a test site of any species is in no other split; what overlaps with
    a validation site is not in training.
    """
    tested = choose(test, SIZES["test"], unclear, set())
    of_test = fragments(tested)
    validated = choose(train, SIZES["val"], unclear, of_test)
    trained = choose(train, SIZES["train"], unclear, of_test | fragments(validated))
    return {"train": trained, "val": validated, "test": tested}


def choose(files: dict[str, Sites], rows: int, unclear: set[bytes], taken: set[bytes]) -> Chosen:
    """Return the first `rows` sites of each species, half of each class, or all there are.

    Left out are sequences that are `unclear`; passed over are those that hold one of the
    `taken` fragments.
    """
    chosen: dict[str, Sites] = {}
    passed_over = 0
    for name, (unmethylated, methylated) in files.items():
        negative, overlaps = _first(unmethylated, rows // 2, unclear, taken)
        positive, more = _first(methylated, rows // 2, unclear, taken)
        chosen[name] = negative, positive
        passed_over += overlaps + more
    return Chosen(chosen, passed_over)


def _first(
    texts: list[bytes], rows: int, unclear: set[bytes], taken: set[bytes]
) -> tuple[list[bytes], int]:
    """Return the first `rows` usable sequences, and how many overlaps stood between them."""
    first: list[bytes] = []
    overlaps = 0
    for text in texts:
        if len(first) == rows:
            break
        if not taken.isdisjoint(_pieces(text)):
            overlaps += 1
        elif text not in unclear:
            first.append(text)
    return first, overlaps


def fragments(chosen: Chosen) -> set[bytes]:
    """Return every run of 20 bases of the chosen sites, on both strands."""
    pieces: set[bytes] = set()
    for unmethylated, methylated in chosen.sites.values():
        for text in (*unmethylated, *methylated):
            pieces.update(_pieces(text), _pieces(text.translate(COMPLEMENT)[::-1]))
    return pieces


def _pieces(text: bytes) -> list[bytes]:
    return [text[start : start + OVERLAP] for start in range(len(text) - OVERLAP + 1)]


def encode(sites: Sites) -> Split:
    """Return one-hot sequences [n, 4, 41] (A, C, G, T), unmethylated ones first."""
    unmethylated, methylated = sites
    letters = np.frombuffer(b"".join([*unmethylated, *methylated]), np.uint8)
    one_hot = letters.reshape(-1, 1, LENGTH) == np.frombuffer(LETTERS, np.uint8)[:, None]
    y = torch.arange(2).repeat_interleave(torch.tensor([len(unmethylated), len(methylated)]))
    return Split(torch.from_numpy(one_hot).float(), y)


def _card(splits: dict[str, Chosen], unclear: set[bytes]) -> Card:
    trained = splits["train"].rows
    fewest, *_, most = sorted(NAMES, key=trained.__getitem__)
    # validation sites overlap with themselves while training sites are chosen
    apart = splits["val"].passed_over + splits["train"].passed_over
    apart -= sum(splits["val"].rows.values())
    return Card(
        area="genomics",
        licence="Not stated with the files; they are public, and Lv et al. 2020 is to be cited",
        source="iDNA-MS, as the repository FakeEnd/iDNA_ABF of Jin et al. 2022 (Genome "
        "Biology 23) holds its 6mA data",
        citation="Lv et al. 2020, iDNA-MS: an integrated computational tool for "
        "detecting DNA modification sites in multiple genomes, iScience 23(4)",
        shift="Another species: the motifs around a methylated adenine and the "
        "composition of the genome differ. Two roses (Fragaria vesca, Rosa chinensis) "
        "stand close, Caenorhabditis elegans far from all. The methods that found the "
        "sites differ between species too.",
        provenance="real",
        privacy="Windows of 41 bases without position, sample or person; one of the "
        "eight species is Homo sapiens.",
        intended_use="Comparing transfer methods on short sequences. Not for biological "
        "claims: much 6mA reported in animals and plants has since been put down to "
        "bacteria and to noise of sequencing (Kong et al. 2022, Science 375).",
        notes="Input: 41 bases one-hot (A, C, G, T), the adenine in question in the "
        "middle. Upstream's train and test files, both balanced, are kept apart; of "
        "each species at most 2,000 test and 200 validation sites are taken, in the "
        "order of their checksums, and all others to train on "
        f"({min(trained.values())} of {fewest} to {max(trained.values()):,} of "
        f"{most}). No sequence is the reverse complement of another, for all have A "
        f"in the middle. {len(unclear)} sequences that upstream calls both methylated "
        "and not are left out. So that no place of a genome stands on two sides, "
        f"{apart:,} training and validation sites were passed over that share "
        f"{OVERLAP} bases in a row, on either strand, with a test or validation site "
        "of any species; upstream does not see to that, so published scores on the "
        "whole files are kinder.",
    )
