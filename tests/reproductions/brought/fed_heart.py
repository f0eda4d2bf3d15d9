"""Fed-Heart-Disease as FLamby divides, selects and scales it, its pooled training set as one source.

After flamby/datasets/fed_heart_disease/dataset.py (du Terrail et al. 2022): the columns slope, ca and
thal are dropped, then patients with an unknown value; of each client 66% are trained on (seed 43).
The pooled rows are scaled by their own mean and deviation. A client's rows are scaled by those of
its own training rows ("own"), as FLamby evaluates, or by those of the pooled rows ("pooled").
"""

from functools import partial

import numpy as np
import torch
from medtl_heart.dataset import CARD, CATEGORIES, FLAGS, HOSPITALS, hospital, load
from sklearn.model_selection import train_test_split

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.hooks import DatasetEntry, hookimpl
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task

NUMBERS = ("age", "trestbps", "chol", "thalch", "oldpeak")
DUMMIES = [(column, value) for column in ("cp", "restecg") for value in CATEGORIES[column][1:]]
USED = (*NUMBERS, *FLAGS, "cp", "restecg")
NAMES = tuple(HOSPITALS.values())


def encoded(patient):
    numbers = [float(patient[column]) for column in NUMBERS]
    flags = [float(FLAGS[column].index(patient[column])) for column in FLAGS]
    return [*numbers, *flags, *(float(patient[column] == value) for column, value in DUMMIES)]


def clients():
    """Return of each client the rows that are trained on and those that are tested."""
    of_client = {name: [] for name in NAMES}
    for patient in sorted(load(), key=lambda patient: int(patient["id"])):
        if all(patient[column] for column in USED):
            of_client[hospital(patient)].append(patient)
    return {name: divided(patients) for name, patients in of_client.items()}


def divided(patients):
    x = np.array([encoded(patient) for patient in patients])
    y = np.array([int(patient["num"] != "0") for patient in patients])
    stratify = y if min(np.bincount(y, minlength=2)) > 2 else None
    parts = train_test_split(
        np.arange(len(y)), train_size=0.66, test_size=1 - 0.66, random_state=43, stratify=stratify
    )
    return [(x[part], y[part]) for part in parts]


def statistics(x):
    return x.mean(0), x.std(0, ddof=1) + 1e-9


def split(x, y, scale):
    mean, deviation = scale
    return Split(torch.tensor((x - mean) / deviation, dtype=torch.float32), torch.tensor(y))


def without(part, other):
    """Return those rows of a part that equal none of another's: a dataset refuses them."""
    known = {row.tobytes() for row in other[0]}
    kept = np.array([row.tobytes() not in known for row in part[0]])
    return part[0][kept], part[1][kept]


def domain(name, train, test, scale):
    nothing = test[0][:0], test[1][:0]
    return Domain(name, *(split(*part, scale) for part in (train, nothing, test)))


def joined(parts):
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def build(scaling):
    trains, tests = zip(*clients().values(), strict=True)
    train, test = joined(trains), joined(tests)
    pooled = statistics(train[0])
    domains = [domain("pooled", train, without(test, train), pooled)]
    for name, (own, judged) in clients().items():
        scale = statistics(own[0]) if scaling == "own" else pooled
        domains.append(domain(name, without(own, judged), judged, scale))
    return Dataset(
        name=f"fed-heart-{scaling}",
        card=CARD,
        task=Task("classification", ("no disease", "disease"), ("accuracy", "roc_auc")),
        domains=tuple(domains),
        transfers=(Transfer("pooled-to-clients", ("pooled",), NAMES),),
    )


@hookimpl
def medtl_datasets():
    return [
        DatasetEntry(f"fed-heart-{scaling}", partial(build, scaling), "FLamby's.", "clinical")
        for scaling in ("own", "pooled")
    ]
