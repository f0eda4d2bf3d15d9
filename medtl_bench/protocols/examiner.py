"""One learner under examination: handed splits, timed, its answers checked and scored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medtl_bench import cooperative
from medtl_bench.arrays import Floats
from medtl_bench.contract.algorithm import Algorithm, copied
from medtl_bench.contract.scale import doubtful, exact
from medtl_bench.contract.split import Inputs, Split, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError, MedTLError
from medtl_bench.metrics.registry import MARKED, METRICS, known
from medtl_bench.protocols import threshold
from medtl_bench.protocols.contents import Contents
from medtl_bench.protocols.meaning import answers, refuse_probabilities, remarks_on_scale
from medtl_bench.protocols.resampling import Resampling
from medtl_bench.protocols.withheld import Withheld
from medtl_bench.results.places import Place
from medtl_bench.results.predictions import Prediction
from medtl_bench.results.record import DECIMALS, Score

MakeLearner = Callable[[Task, torch.Generator], Algorithm]


@dataclass
class Clock:
    """Seconds spent in the verbs of the learners of a trial, call by call.

    `contents`: of what they were handed. `remarks`: what is odd about their outputs, for the
    log. `kept`: what they predicted, where that is to be kept. `resampled`: headline measures by
    name [resamples] where labels are known, and of their domains the test `units`, as
    `Outcome` has them.
    """

    calls: dict[str, list[float]] = field(default_factory=dict)
    contents: Contents = field(default_factory=Contents)
    remarks: list[str] = field(default_factory=list)
    kept: list[Prediction] | None = None
    resampled: dict[str, Floats] = field(default_factory=dict)
    units: dict[str, tuple[int, int]] = field(default_factory=dict)

    @contextmanager
    def time(self, verb: str) -> Iterator[None]:
        """Add the time of the block to a verb's calls."""
        start = cooperative.now()
        yield
        self.calls.setdefault(verb, []).append(cooperative.now() - start)

    def keep(
        self,
        stage: str,
        outputs: Tensor,
        rows: Tensor | None = None,
        **where: Any,  # noqa: ANN401
    ) -> None:
        """Keep what was predicted for a test split, or at the stage `validation` a `val`.

        `rows`: their positions in the split, where they are not all of it.
        """
        if self.kept is None:
            return
        positions = torch.arange(len(outputs)) if rows is None else rows
        short = outputs.dtype.itemsize < torch.float32.itemsize
        numbers = outputs.float() if short else outputs
        split = "val" if stage == "validation" else "test"
        place = Place(stage, **where)
        self.kept.append(Prediction(place, split, positions.numpy(), numbers.numpy()))


@dataclass(frozen=True)
class Labels:
    """How values are shifted and scaled on their way to a learner; classes pass as they are."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, task: Task, sources: Sequence[Split]) -> "Labels":
        """Fit on the labels of the sources; labels that do not vary are shifted alone."""
        if task.kind != "regression":
            return cls()
        y = concatenate(sources).y
        mean, deviation = y.mean(), y.std(correction=0)
        if doubtful(mean, deviation):
            mean, deviation = exact(y[:, None], [0])
        return cls(float(mean), float(deviation))

    def standard(self, split: Split) -> Split:
        """Return the split as a learner is handed it: values in standard units, and no marks."""
        if self == Labels():
            return split.unmarked()
        return replace(split.unmarked(), y=(split.y - self.mean) / self.deviation)


@dataclass
class Examiner:
    """Hands a learner splits, times its verbs, and scores what it predicts.

    `validated`: what it answered after `fit` of the sources' validation splits, with their
    labels. `threshold`: of two classes, chosen on these.
    Test splits of domains of a `resampling` are scored on resamples too.
    """

    task: Task
    learner: Algorithm
    labels: Labels
    clock: Clock
    validated: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    threshold: float | None = None
    resampling: Resampling | None = None

    def fit(
        self,
        sources: Sequence[Split],
        unlabelled: Any,  # noqa: ANN401
        validation: Sequence[Split] = (),
    ) -> None:
        """Let the learner fit.

        `validation`: of each source, handed over with it where there are rows and labels.
        """
        splits = [self.labels.standard(source) for source in sources]
        if validation:
            pairs = zip(splits, validation, strict=True)
            splits = [self._with_validation(split, val) for split, val in pairs]
        handed = [part for split in splits for part in _learned_from(split)]
        with self._asked("fit", unlabelled, *handed):
            self.learner.fit(splits, unlabelled)

    def _with_validation(self, split: Split, validation: Split) -> Split:
        if isinstance(validation.y, Withheld) or not len(validation):
            return split
        bare = Split(validation.x, validation.y, domain=validation.domain)
        return replace(split, validation=self.labels.standard(bare))

    def adapt(self, support: Split) -> None:
        """Let the learner adapt."""
        split = self.labels.standard(support)
        with self._asked("adapt", *_learned_from(split)):
            self.learner.adapt(split)

    @contextmanager
    def _asked(self, verb: str, *handed: Inputs) -> Iterator[None]:
        """Time a verb; raise InvalidOutputError if it changed in place what it was handed.

        Later verbs are handed the same tensors. A change between two verbs is told by the
        later one.
        """
        contents = self.clock.contents
        contents.know(handed)
        with self.clock.time(verb):
            yield
        if contents.changed(handed):
            raise InvalidOutputError(
                f"{verb} changed the data it was handed in place; it must work on a copy."
            )

    def branch(self, draw: torch.Generator) -> "Examiner":
        """Return an examiner of a copy of the learner, which draws from another generator."""
        return replace(self, learner=copied(self.learner, draw))

    def outputs(self, split: Split) -> Tensor:
        """Return checked predictions for a split; raises InvalidOutputError.

        Where each domain has a question of its own, the learner is told whose it is.
        """
        told = self.task.labels == "own" and bool(split.domain)
        return self._outputs(split, split.domain if told else "")

    def untold(self, split: Split) -> Tensor:
        """Return checked predictions of a learner that is not told whose rows they are."""
        return self._outputs(split, "")

    def _outputs(self, split: Split, domain: str) -> Tensor:
        learner = self.learner
        ask = partial(learner.predict_for, domain) if domain else learner.predict
        with self._asked("predict", split.x):
            outputs = ask(split.x)
        check_outputs(self.task, outputs, split)
        if self.task.kind == "regression":
            self._remark_on_scale(outputs)
        return outputs * self.labels.deviation + self.labels.mean

    def _remark_on_scale(self, outputs: Tensor) -> None:
        """Remark once on values of another scale; raises InvalidOutputError where that is sure."""
        scale = self.labels.mean, self.labels.deviation
        for remark in remarks_on_scale(outputs, *scale):
            if not self.clock.remarks:
                self.clock.remarks.append(remark)

    def embedded(self, x: Inputs) -> Floats | None:
        """Return checked features of inputs, or None if the method has none.

        Raises InvalidOutputError.
        """
        with self._asked("embed", x):
            z = self.learner.embed(x)
        if z is None:
            return None
        if z.ndim != 2 or z.shape[0] != x.shape[0] or z.requires_grad or not z.isfinite().all():
            raise InvalidOutputError(
                f"embed returned the shape {list(z.shape)} for {x.shape[0]} rows, but detached "
                "finite floats [n, width] were expected."
            )
        return z.double().numpy()

    def scores(self, stage: str, split: Split, **where: Any) -> Iterator[Score]:  # noqa: ANN401
        """Yield the metrics of the task on a split.

        Of its marked rows alone the primary one follows, as `marked_...`, and balanced
        accuracy at the threshold of the sources, as `source_threshold_...`.
        """
        yield from self.scored(stage, split, self.outputs(split), **where)

    def validate(self, split: Split, **where: Any) -> Iterator[Score]:  # noqa: ANN401
        """Yield the metrics on a validation split of a source, and remember the answers."""
        outputs = self.outputs(split)
        self.validated.append((outputs, split.y))
        yield from self.scored("validation", split, outputs, **where)

    def scored(
        self,
        stage: str,
        split: Split,
        outputs: Tensor,
        **where: Any,  # noqa: ANN401
    ) -> Iterator[Score]:
        """Yield the metrics of outputs on a split, as `scores` does."""
        task = self.task
        self.clock.keep(stage, outputs, **where)
        if self.resampling and stage != "validation":
            self.resampling.note(outputs, Place(stage, **where))
        names = task.metrics if stage == "fit" else task.running
        values = measure(task, outputs, split.y, names)
        values |= defined(threshold.cut(outputs, split.y, self.threshold))
        yield from rows(stage, len(split), values, **where)
        if (marked := split.marked) is not None and marked.any():
            values = measure(task, outputs[marked], split.y[marked], [task.primary])
            named = {MARKED + name: value for name, value in values.items()}
            yield from rows(stage, int(marked.sum()), named, **where)

    def choose_threshold(self) -> None:
        """Choose where answers of two classes are cut, by what was validated."""
        self.threshold = threshold.chosen(self.task, self.validated)


def _learned_from(split: Split) -> list[Inputs]:
    """Return all of a split that is handed to a learner.

    Raises MedTLError where the labels are those that it is judged by.
    """
    if isinstance(split.y, Withheld):
        raise MedTLError(
            "A protocol may hand learners the labels of training rows alone, but handed those "
            "of a validation or test split."
        )
    beside = _learned_from(split.validation) if split.validation else []
    return [split.x, split.y, *split.of_rows().values(), *beside]


def check_outputs(task: Task, outputs: object, split: Split) -> None:
    """Raise InvalidOutputError unless `outputs` are finite floats of the task's shape.

    Those of classes must be scores, not probabilities.
    """
    if not isinstance(outputs, Tensor):
        raise InvalidOutputError(
            f"predict returned a {type(outputs).__name__}, but a torch tensor was expected."
        )
    if outputs.layout != torch.strided or outputs.device.type != "cpu":
        raise InvalidOutputError(
            f"predict returned a tensor on {outputs.device} ({outputs.layout}), but a dense one in "
            "the processor's memory was expected: return its .cpu()."
        )
    _check_shape(task, outputs, split)
    if not outputs.is_floating_point() or outputs.requires_grad:
        tracked = " that requires gradients" if outputs.requires_grad else ""
        raise InvalidOutputError(
            f"predict returned {outputs.dtype}{tracked}, but detached floats were expected."
        )
    if not outputs.isfinite().all():
        rows = int((~outputs.isfinite()).flatten(1 if outputs.ndim > 1 else 0).sum())
        raise InvalidOutputError(f"predict returned {rows} values that are NaN or infinite.")
    refuse_probabilities(task, outputs)


def _check_shape(task: Task, outputs: Tensor, split: Split) -> None:
    shape = shape_of_answers(task, split)
    if list(outputs.shape) != shape:
        what = "a value a row" if task.kind == "regression" else "a score a class"
        raise InvalidOutputError(
            f"predict returned the shape {list(outputs.shape)}, but {shape} was expected: {what}."
        )


def measure(
    task: Task,
    outputs: Tensor,
    y: Tensor,
    names: Sequence[str],
    classes: Sequence[int] | None = None,
) -> dict[str, float]:
    """Return metrics of outputs against labels, without those undefined on these labels.

    `classes`: to which scores are masked first. Metrics of embeddings are left out. There
    are none where the labels are withheld.
    """
    if isinstance(y, Withheld):
        return {}
    given, truth = answers(task, outputs, classes), y.numpy()
    predicted = [name for name in names if METRICS[name].of == "predictions"]
    return defined({name: METRICS[name].score(given, truth) for name in predicted})


def defined(values: dict[str, float]) -> dict[str, float]:
    """Return the values that are numbers, rounded as a record stores them.

    Raises MedTLError where a metric gives what its entry says that it cannot be.
    """
    numbers = {name: value for name, value in values.items() if np.isfinite(value)}
    for name, value in numbers.items():
        if (entry := known(name)) and (wrong := entry.beyond(value)):
            raise MedTLError(f"The metric {name!r} is {wrong}, as its entry says.")
    return {name: round(value, DECIMALS) for name, value in numbers.items()}


def rows(
    stage: str,
    n: int,
    values: dict[str, float],
    **where: Any,  # noqa: ANN401
) -> Iterator[Score]:
    """Yield one score a metric, taken on `n` rows."""
    place = {"learned": None, "shots": None, "draw": None, "domain": None, **where}
    for name, value in values.items():
        yield Score(stage=stage, metric=name, value=value, n=n, **place)


def shape_of_answers(task: Task, split: Split) -> list[int]:
    """Return the shape that predictions for a split must have."""
    n, *pixels = split.y.shape
    return [n, *pixels] if task.kind == "regression" else [n, task.outputs, *pixels]
