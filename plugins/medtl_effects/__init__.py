"""Effects that the field knows: what a bench must show before what it says anew is believed."""

from collections.abc import Iterator

from medtl_bench.contract.hooks import EffectEntry, hookimpl

AVERAGE, FORGETTING, LEARNING = "average accuracy", "forgetting", "learning accuracy"
START, END, LABELS = "target 0", "target full", "label_transfer"
REGULARISERS = ("ewc", "avalanche-si", "avalanche-mas", "avalanche-lwf")
CLASSES = "pbmc-cell-types"
NEAR = 0.1
STREAMS = ("stemcells", "shifted-toy", "chembl-activity", CLASSES)
BATCHES = ("shifted-toy", "pbmc-batches", "stemcells")


@hookimpl
def medtl_effects() -> list[EffectEntry]:
    """Bring effects of learning in a stream, from few labels, by alignment, of integration."""
    return [*_budget(), *_streams(), *_few_labels(), *_shifts(), *_integration()]


def _budget() -> Iterator[EffectEntry]:
    for dataset in ("heart-disease", *BATCHES, "brain-contrasts"):
        yield EffectEntry(
            f"ceiling-is-high-enough-{dataset}",
            "Four times the ceiling of steps changes plain training on the sources little.",
            dataset, START, ("converged-source",), ("source-only",), -0.05, 0.05,
            reference="Prechelt 1998, Neural Networks",
        )  # fmt: skip


def _streams() -> Iterator[EffectEntry]:
    incremental = "van de Ven, Tuytelaars and Tolias 2022, Nature Machine Intelligence"
    yield EffectEntry(
        "replay-keeps-classes",
        "Where each domain brings new classes, replay of old rows ends far above regularisers.",
        CLASSES, AVERAGE, ("avalanche-replay",), REGULARISERS, NEAR,
        protocol="stream", reference=incremental,
    )  # fmt: skip
    yield EffectEntry(
        "regularisers-lose-classes",
        "Where each domain brings new classes, regularisers end near plain training.",
        CLASSES, AVERAGE, REGULARISERS, ("fine-tune",), -NEAR, NEAR,
        protocol="stream", reference=incremental,
    )  # fmt: skip
    for dataset in STREAMS:
        yield EffectEntry(
            f"ewc-forgets-less-{dataset}",
            "EWC forgets less than plain training.",
            dataset, FORGETTING, ("fine-tune",), ("ewc",),
            protocol="stream", reference="Kirkpatrick et al. 2017, PNAS",
        )  # fmt: skip
        yield EffectEntry(
            f"ewc-learns-as-well-{dataset}",
            "EWC learns each domain about as well as plain training.",
            dataset, LEARNING, ("ewc",), ("fine-tune",), -0.05,
            protocol="stream", reference="Kirkpatrick et al. 2017, PNAS",
        )  # fmt: skip


def _few_labels() -> Iterator[EffectEntry]:
    assays = "Stanley et al. 2021, NeurIPS: FS-Mol"
    for dataset in ("tox21", "chembl-activity"):
        yield EffectEntry(
            f"meta-learning-leads-{dataset}",
            "With few labels of an assay meta-learning beats a forest that knows no other assay.",
            dataset, "target 5", ("maml",), ("single-forest",), reference=assays,
        )  # fmt: skip
        yield EffectEntry(
            f"forest-leads-{dataset}",
            "With some fifty labels of an assay or more a forest that knows no other assay wins.",
            dataset, "target 50", ("single-forest",), ("maml",), reference=assays,
        )  # fmt: skip
    yield EffectEntry(
        "meta-learning-helps-assays",
        "With five labels of a class MAML is above plain fine-tuning.",
        "tox21", "target 5", ("maml",), ("fine-tune",),
        reference="Altae-Tran et al. 2017, ACS Central Science",
    )  # fmt: skip
    yield EffectEntry(
        "networks-learn-assays",
        "With all labels a network is not clearly below logistic regression.",
        "tox21", END, ("fine-tune",), ("logistic-regression",), -0.02,
        reference="Wu et al. 2018, Chemical Science: MoleculeNet",
    )  # fmt: skip
    yield EffectEntry(
        "fine-tuning-is-no-worse",
        "With all labels, going on from other domains is no worse than starting from nothing.",
        "brain-contrasts", END, ("fine-tune",), ("target-only",), -0.05,
        reference="Raghu et al. 2019, NeurIPS: Transfusion",
    )  # fmt: skip


def _shifts() -> Iterator[EffectEntry]:
    yield EffectEntry(
        "contrasts-are-made-up",
        "Training on random contrasts closes at least half of the gap to a model of the target.",
        "brain-contrasts", START,
        ("contrast-randomisation",), ("source-only", f"target-only {END}"),
        reference="Billot et al. 2023, Medical Image Analysis: SynthSeg",
    )  # fmt: skip
    for dataset in BATCHES:
        yield EffectEntry(
            f"coral-helps-{dataset}",
            "Aligning covariances helps where inputs shift.",
            dataset, START, ("skada-coral",), ("logistic-regression",),
            reference="Sun, Feng and Saenko 2016, AAAI",
        )  # fmt: skip
    yield EffectEntry(
        "adversary-helps",
        "An adversary of domains helps where inputs shift.",
        "shifted-toy", START, ("dann",), ("source-only",), reference="Ganin et al. 2016, JMLR",
    )  # fmt: skip
    yield EffectEntry(
        "adversary-hurts-prevalence",
        "An adversary of domains hurts where prevalence shifts.",
        "heart-disease", f"{START} balanced_accuracy", ("source-only",), ("dann",),
        reference="Zhao et al. 2019, ICML",
    )  # fmt: skip
    yield EffectEntry(
        "reweighting-repairs-covariate-shift",
        "Reweighting repairs a shift of inputs alone, and none of what they mean.",
        reference="Sugiyama et al. 2008, NeurIPS: KLIEP",
        missing="No dataset here has a shift of inputs alone.",
    )
    yield EffectEntry(
        "few-beat-plain-training",
        "Few methods beat plain training where all are chosen on the sources.",
        reference="Gulrajani and Lopez-Paz 2021, ICLR",
        missing="So far methods were chosen on sources for one simulated dataset alone.",
    )


def _integration() -> Iterator[EffectEntry]:
    harmony = "Korsunsky et al. 2019, Nature Methods"
    yield EffectEntry(
        "harmony-mixes", "Harmony mixes donors.",
        "pbmc-donors", "ilisi", ("harmony",), ("uncorrected",), 0.3, reference=harmony,
    )  # fmt: skip
    yield EffectEntry(
        "harmony-keeps-labels", "Harmony keeps cell types apart.",
        "pbmc-batches", LABELS, ("harmony",), ("uncorrected",), -0.05, reference=harmony,
    )  # fmt: skip
    noise = "Luecken et al. 2022, Nature Methods: scIB"
    yield EffectEntry(
        "noise-mixes", "Noise in place of an embedding mixes batches.",
        "pbmc-batches", "ilisi", ("noise-embedding",), ("uncorrected",), reference=noise,
    )  # fmt: skip
    yield EffectEntry(
        "noise-loses-labels", "Noise in place of an embedding loses cell types.",
        "pbmc-batches", LABELS, ("uncorrected",), ("noise-embedding",), NEAR, reference=noise,
    )  # fmt: skip
