"""Controls between which a dataset must have room: nothing to learn, and all there is to learn."""

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl

CONTROLS = (
    AlgorithmEntry(
        "shuffled-labels",
        "medtl_controls.controls:ShuffledLabels",
        "Fine-tuning on labels dealt out anew among the rows, so that inputs tell nothing of them.",
        "bound",
        "Zhang et al. 2017, ICLR",
    ),
    AlgorithmEntry(
        "converged-target",
        "medtl_controls.controls:ConvergedTarget",
        "Trained on the latest target labels alone, for four times the steps of target-only.",
        "bound",
    ),
    AlgorithmEntry(
        "converged-source",
        "medtl_controls.controls:ConvergedSource",
        "Trained on the pooled sources for up to four times the steps of others; never adapts.",
        "bound",
    ),
)


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    """Bring the controls."""
    return list(CONTROLS)
