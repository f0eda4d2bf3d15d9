"""Tox21 and SIDER in splits of papers: random ones, which the bench's own do not have.

`tox21-random`, `sider-random`: MoleculeNet's, 80/10/10 of the molecules at random, another division
in each of three folds; every assay is a target once, with another as a source that is not asked.
`tox21-known-molecules`: few-shot papers', in which base assays are trained on all molecules, and so
on those that new assays are tested by. A dataset refuses that; here a last column is 1 in new assays
and 0 in base ones, by which no row equals another. `tox21-new-molecules`: the same test, without
those molecules in base assays. `tox21-fewer-molecules`: with them, and without as many others.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from medtl_moleculenet.dataset import SIDER, TOX21
from medtl_moleculenet.molecules import MISSING

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.hooks import DatasetEntry, hookimpl
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files.division import TEST, TRAIN, VAL

FOLDS = 3
FEW_SHOT_TEST = 0.35  # the share of the bench's own tox21
CLASSES = ("no", "yes")
CARD = Card(
    "drug discovery", "as the shipped dataset", "as the shipped dataset", "Wu et al. 2018",
    "Another assay.", "real", "No person's data.", "Reproducing published tables.",
)  # fmt: skip


def randomly(rows, shares, seed):
    """Return TRAIN, VAL or TEST of so many rows, of the last two these shares."""
    order = np.random.default_rng(seed).permutation(rows)
    part = np.full(rows, TRAIN)
    val, test = (round(share * rows) for share in shares)
    part[order[:val]] = VAL
    part[order[val : val + test]] = TEST
    return part


def domains(collection, table, parts):
    """Return the assays, the molecules of each divided by its parts [molecules]."""
    x = torch.from_numpy(np.unpackbits(table["bits"], axis=1)).float()
    labels = torch.from_numpy(table["label"].T.astype(np.int64))
    of_assay = zip(collection.assays, labels, parts, strict=True)
    return tuple(assay_domain(name, x, y, part) for name, y, part in of_assay)


def assay_domain(name, x, y, part):
    measured = (y != MISSING).numpy()
    rows = (torch.from_numpy(measured & (part == number)) for number in (TRAIN, VAL, TEST))
    return Domain(name, *(Split(x[mask], y[mask]) for mask in rows))


def each_alone(collection):
    """Return MoleculeNet's random division, in which each assay is a target."""
    table, assays = collection.table(), collection.assays
    kept = first_of_each(table)
    table = {name: table[name][kept] for name in ("bits", "label")}
    rows = len(table["label"])
    divisions = [[randomly(rows, (0.1, 0.1), seed)] * len(assays) for seed in range(FOLDS)]
    first, *others = (domains(collection, table, parts) for parts in divisions)
    return Dataset(
        name=f"{collection.name}-random",
        card=CARD,
        # by balanced accuracy, so that classes weigh alike as in MoleculeNet's estimators
        task=Task("classification", CLASSES, ("balanced_accuracy", "roc_auc")),
        domains=first,
        transfers=(
            Transfer("first", assays[1:2], assays[:1]),
            Transfer("others", assays[:1], assays[1:]),
        ),
        labels="own",
        folds=tuple(others),
    )


def first_of_each(table):
    """Return the first molecule of each fingerprint: equal rows may not stand on two sides."""
    return np.sort(np.unique(table["bits"], axis=0, return_index=True)[1])


def few_shot(kind):
    """Return 9 base and 3 new assays, and which molecules base assays are trained on.

    `kind`: "known" for all, "new" for none that a new assay is tested by, "fewer" for as many as
    in "new", those of the tests among them.
    """
    table = TOX21.table()
    kept = first_of_each(table)
    table = {name: table[name][kept] for name in ("bits", "label")}
    base, new = TOX21.assays[: -TOX21.new], TOX21.assays[-TOX21.new :]
    divided = randomly(len(table["label"]), (0.0, FEW_SHOT_TEST), 0)
    parts = [base_parts(divided, kind)] * len(base) + [divided] * len(new)
    made = domains(TOX21, table, parts)
    return Dataset(
        name=f"tox21-{kind}-molecules",
        card=CARD,
        task=Task("classification", CLASSES, ("roc_auc",)),
        domains=tuple(told(domain, domain.name in new) for domain in made),
        transfers=(Transfer("base-to-new", base, new),),
        labels="own",
    )


def base_parts(divided, kind):
    """Return the parts of base assays, whose own test holds none of the new assays' test."""
    train, test = (np.flatnonzero(divided == part) for part in (TRAIN, TEST))
    parts = np.full(len(divided), TRAIN)
    parts[train[::20]] = TEST
    left_out = {"known": [], "new": test, "fewer": np.setdiff1d(train, train[::20])[: len(test)]}
    parts[left_out[kind]] = MISSING
    return parts


def told(domain, new):
    def marked(split):
        column = torch.full((len(split), 1), float(new))
        return replace(split, x=torch.cat([split.x, column], 1))

    return Domain(domain.name, *map(marked, (domain.train, domain.val, domain.test)))


@hookimpl
def medtl_datasets():
    built = {
        "tox21-random": partial(each_alone, TOX21),
        "sider-random": partial(each_alone, SIDER),
        **{
            f"tox21-{kind}-molecules": partial(few_shot, kind) for kind in ("known", "fewer", "new")
        },
    }
    return [
        DatasetEntry(name, build, "In a paper's split.", "drug discovery")
        for name, build in built.items()
    ]
