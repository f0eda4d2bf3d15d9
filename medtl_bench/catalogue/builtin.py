"""The project's own metrics, protocols, backbones and executors: a plugin like anyone's.

Algorithms and datasets come from the packages in `plugins/`.
"""

from medtl_bench.contract.hooks import (
    BackboneEntry,
    ExecutorEntry,
    MetricEntry,
    ProtocolEntry,
    hookimpl,
)
from medtl_bench.metrics import builtin

BACKBONES = "medtl_bench.networks.choice"
EXECUTORS = "medtl_bench.running.executors"


@hookimpl
def medtl_metrics() -> tuple[MetricEntry, ...]:
    """Return the metrics of the project."""
    return builtin.METRICS


@hookimpl
def medtl_protocols() -> list[ProtocolEntry]:
    """Return the protocols of the project."""
    return [
        ProtocolEntry(
            "transfer",
            "medtl_bench.protocols.transfer:TRANSFER",
            "Learn on sources, be judged on targets before and after few labels.",
            "medtl_bench.board.transfer:BOARD",
            "medtl_bench.report.pages.transfer:PAGE",
        ),
        ProtocolEntry(
            "stream",
            "medtl_bench.protocols.stream:STREAM",
            "Learn domains one after the other, be judged on all after each.",
            "medtl_bench.board.stream:BOARD",
            "medtl_bench.report.pages.stream:PAGE",
        ),
    ]


@hookimpl
def medtl_backbones() -> list[BackboneEntry]:
    """Return the backbones of the project; the first for a kind of input is its default."""
    return [
        BackboneEntry("perceptron", f"{BACKBONES}:of_vectors", "Two dense layers.", "vectors"),
        BackboneEntry("sequence-convolutions", f"{BACKBONES}:of_sequences", "Two strided "
                      "convolutions.", "sequences"),
        BackboneEntry("token-convolutions", f"{BACKBONES}:of_tokens", "An embedding and two "
                      "strided convolutions.", "tokens"),
        BackboneEntry("convolutions", f"{BACKBONES}:of_images", "A small residual network.",
                      "images"),
        BackboneEntry("u-net", f"{BACKBONES}:of_masks", "A small U-Net.", "masks"),
    ]  # fmt: skip


@hookimpl
def medtl_executors() -> list[ExecutorEntry]:
    """Return the executors of the project."""
    return [
        ExecutorEntry(
            "processes",
            f"{EXECUTORS}.processes:make",
            "Each job in a process of its own, with limits of time and memory.",
        ),
        ExecutorEntry(
            "in-process",
            f"{EXECUTORS}.inprocess:make",
            "One job after the other in this process, without limits: for a debugger.",
        ),
    ]
