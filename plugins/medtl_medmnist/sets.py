"""The twelve 2D sets of MedMNIST v2 in 28 x 28 pixels.

Where they are, their checksums, and which tasks their labels make.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from medtl_bench.arrays import Bools, Ints
from medtl_bench.files.downloads import Remote

SIDE = 28
ZENODO = "https://zenodo.org/records/10519652/files"


@dataclass(frozen=True)
class Set:
    """One set: its kind of labels, its licence, the MD5 of its file and the names of its labels.

    `kind`: one of several classes an image, yes or no, several findings an image, or
    ordered grades.
    """

    name: str
    kind: Literal["classes", "binary", "findings", "grades"]
    licence: str
    md5: str
    labels: tuple[str, ...]

    @property
    def remote(self) -> Remote:
        """Return its file."""
        address = f"{ZENODO}/{self.name}.npz?download=1"
        return Remote(f"medmnist/{self.name}.npz", address, "", md5=self.md5)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the names of its tasks: a class against the rest, or a grade or higher."""
        if self.kind == "grades":
            return tuple(f"grade-{grade}-or-more" for grade in self.labels[1:])
        return self.labels[POSITIVE[self.name] :][:1] if self.kind == "binary" else self.labels

    def members(self, labels: Ints) -> Bools:
        """Return which images are positive in which task [n, tasks].

        `labels`: [n, 1], or [n, findings].
        """
        if self.kind == "findings":
            return np.asarray(labels == 1)
        if self.kind == "grades":
            return np.asarray(labels >= np.arange(1, len(self.labels)))
        members = np.equal(labels, np.arange(len(self.labels)))
        return members[:, [POSITIVE[self.name]]] if self.kind == "binary" else members


POSITIVE = {"pneumoniamnist": 1, "breastmnist": 0}  # the label of the disease
ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)
SETS = {
    dataset.name: dataset
    for dataset in (
        Set(
            "pathmnist",
            "classes",
            "CC BY 4.0",
            "a8b06965200029087d5bd730944a56c1",
            (
                "adipose",
                "background",
                "debris",
                "lymphocytes",
                "mucus",
                "smooth-muscle",
                "normal-colon-mucosa",
                "cancer-associated-stroma",
                "colorectal-adenocarcinoma-epithelium",
            ),
        ),
        Set(
            "chestmnist",
            "findings",
            "CC BY 4.0",
            "02c8a6516a18b556561a56cbdd36c4a8",
            (
                "atelectasis",
                "cardiomegaly",
                "effusion",
                "infiltration",
                "mass",
                "nodule",
                "pneumonia",
                "pneumothorax",
                "consolidation",
                "edema",
                "emphysema",
                "fibrosis",
                "pleural",
                "hernia",
            ),
        ),
        Set(
            "dermamnist",
            "classes",
            "CC BY-NC 4.0",
            "0744692d530f8e62ec473284d019b0c7",
            (
                "actinic-keratosis",
                "basal-cell-carcinoma",
                "benign-keratosis",
                "dermatofibroma",
                "melanoma",
                "melanocytic-nevi",
                "vascular-lesions",
            ),
        ),
        Set(
            "octmnist",
            "classes",
            "CC BY 4.0",
            "c68d92d5b585d8d81f7112f81e2d0842",
            ("choroidal-neovascularization", "diabetic-macular-edema", "drusen", "normal"),
        ),
        Set(
            "pneumoniamnist",
            "binary",
            "CC BY 4.0",
            "28209eda62fecd6e6a2d98b1501bb15f",
            ("normal", "pneumonia"),
        ),
        Set(
            "retinamnist",
            "grades",
            "CC BY 4.0",
            "bd4c0672f1bba3e3a89f0e4e876791e4",
            ("0", "1", "2", "3", "4"),
        ),
        Set(
            "breastmnist",
            "binary",
            "CC BY 4.0",
            "750601b1f35ba3300ea97c75c52ff8f6",
            ("malignant", "normal,-benign"),
        ),
        Set(
            "bloodmnist",
            "classes",
            "CC BY 4.0",
            "7053d0359d879ad8a5505303e11de1dc",
            (
                "basophil",
                "eosinophil",
                "erythroblast",
                "immature-granulocyte",
                "lymphocyte",
                "monocyte",
                "neutrophil",
                "platelet",
            ),
        ),
        Set(
            "tissuemnist",
            "classes",
            "CC BY 4.0",
            "ebe78ee8b05294063de985d821c1c34b",
            (
                "collecting-duct",
                "distal-convoluted-tubule",
                "glomerular-endothelial-cells",
                "interstitial-endothelial-cells",
                "leukocytes",
                "podocytes",
                "proximal-tubule-segments",
                "thick-ascending-limb",
            ),
        ),
        Set(
            "organamnist",
            "classes",
            "CC BY 4.0",
            "68e3f8846a6bd62f0c9bf841c0d9eacc",
            ORGANS,
        ),
        Set(
            "organcmnist",
            "classes",
            "CC BY 4.0",
            "b9ceb9546e10131b32923c5bbeaea2b1",
            ORGANS,
        ),
        Set(
            "organsmnist",
            "classes",
            "CC BY 4.0",
            "9ab87b696fb54e2a387ebe992d6ed5f1",
            ORGANS,
        ),
    )
}
