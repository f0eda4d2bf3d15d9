"""Words that entries and cards are made of. This file imports nothing of ours."""

from typing import Literal

Area = Literal["imaging", "drug discovery", "genomics", "clinical", "simulated"]
Application = Literal[
    "cross-modality segmentation",
    "rare disease diagnosis",
    "image augmentation",
    "drug-target interaction",
    "few-shot molecular property",
    "virtual screening",
    "cross-species annotation",
    "batch correction",
    "single-cell integration",
]
# one question in all domains; one of each domain's own; classes that come with domains
LabelMeaning = Literal["shared", "own", "new classes"]
InputKind = Literal["vectors", "sequences", "tokens", "images", "masks"]  # masks: of images
