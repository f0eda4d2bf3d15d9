"""What learners answered: recorded where a method runs, replayed where it is scored.

Every learner of a trial has a name that does not depend on what runs beside it: the seed of
its generator, after the name of the learner that it is a copy of.
"""

import copy
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import torch
from torch import Tensor

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.results.record import Frozen, Outcome
from medtl_bench.running import tensors
from medtl_bench.running.tensors import Part

Verb = Literal["predict", "embed"]


class Answer(Frozen):
    """What a learner was asked, and where its answer lies; None for no embedding."""

    verb: Verb
    part: Part | None


class Answered(Frozen):
    """How a trial ended, without scores, and in order what each of its learners answered."""

    outcome: Outcome
    answers: dict[str, tuple[Answer, ...]] = {}


class Said(Frozen):
    """What the process of a method says of a job's trials, or why it could begin none."""

    trials: tuple[Answered, ...] = ()
    outcome: Outcome | None = None
    exit_code: int = 0


class Names:
    """Tells learners apart that come of one place: by the seed of each, and a number."""

    def __init__(self, place: str = "") -> None:
        """Name learners after the place."""
        self.place, self.counts = place, Counter[int]()

    def next(self, generator: torch.Generator) -> str:
        """Return the name of a learner that draws from a generator."""
        seed = generator.initial_seed()
        self.counts[seed] += 1
        return f"{self.place}/{seed}.{self.counts[seed]}"


class _Named(Algorithm):
    """A learner with a name."""

    def __init__(self, task: Task, generator: torch.Generator, name: str) -> None:
        super().__init__(task, generator)
        self.name, self.names = name, Names(name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # to be asked before anything is copied, as a copy may be asked to copy itself
        generator = copy.deepcopy(self.generator, memo)
        return self._copied(memo, generator, self.names.next(generator))

    @abstractmethod
    def _copied(self, memo: dict[int, Any], generator: torch.Generator, name: str) -> Self:
        """Return a copy of another name, which draws from another generator."""


class Recording:
    """Writes down what the learners of a trial answer."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to a file."""
        self.file, self.names = file, Names()
        self.answers: defaultdict[str, list[Answer]] = defaultdict(list)

    def of(self, learner: Algorithm) -> Algorithm:
        """Return a learner that does what another does, written down."""
        return _Recorded(learner, self, self.names.next(learner.generator))

    def note(self, name: str, verb: Verb, answer: Tensor | None) -> None:
        """Write down an answer, unless it is one that the examiner refuses."""
        if answer is None:
            self.answers[name].append(Answer(verb=verb, part=None))
        elif isinstance(answer, Tensor) and not answer.requires_grad:
            floats = answer if answer.is_floating_point() else answer.double()
            part = tensors.put(self.file, floats)
            self.answers[name].append(Answer(verb=verb, part=part))

    def end(self) -> dict[str, tuple[Answer, ...]]:
        """Return all answers by the learners' names; nothing more can be written down."""
        self.file.write(bytes(tensors.ALIGNED))  # an empty file could not be mapped
        self.file.close()
        return {name: tuple(answers) for name, answers in self.answers.items()}


class _Recorded(_Named):
    """A learner whose answers are written down."""

    def __init__(self, learner: Algorithm, recording: Recording, name: str) -> None:
        super().__init__(learner.task, learner.generator, name)
        self.learner, self.recording = learner, recording

    def _copied(self, memo: dict[int, Any], generator: torch.Generator, name: str) -> Self:
        return type(self)(copy.deepcopy(self.learner, memo), self.recording, name)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        self.learner.fit(sources, unlabelled)

    def adapt(self, support: Split) -> None:
        self.learner.adapt(support)

    def predict(self, x: Inputs) -> Tensor:
        return self._noted(self.learner.predict(x))

    def predict_for(self, domain: str, x: Inputs) -> Tensor:
        return self._noted(self.learner.predict_for(domain, x))

    def _noted(self, outputs: Tensor) -> Tensor:
        self.recording.note(self.name, "predict", outputs)
        return outputs

    def embed(self, x: Inputs) -> Tensor | None:
        features = self.learner.embed(x)
        self.recording.note(self.name, "embed", features)
        return features


class Replay:
    """Answers in place of the learners of a trial, with what they sent.

    Raises InvalidOutputError where that is not what a protocol asks.
    """

    def __init__(self, answers: Mapping[str, Sequence[Answer]], path: Path) -> None:
        """Read answers, by the learners' names, that lie in a file."""
        self.answers, self.asked = answers, Counter[str]()
        self.octets = tensors.mapped(path, path.lstat().st_size)
        self.names = Names()

    def make(self, task: Task, generator: torch.Generator) -> Algorithm:
        """Return a learner that answers what was sent."""
        return _Replayed(task, generator, self.names.next(generator), self)

    def next(self, name: str, verb: Verb, rows: int) -> Tensor | None:
        """Return the next answer of a learner to a verb, of so many rows."""
        sent, number = self.answers.get(name, ()), self.asked[name]
        self.asked[name] += 1
        if number >= len(sent):
            count = f"Its process sent {len(sent)} answers of a learner"
            raise InvalidOutputError(f"{count}, but the protocol asked for {number + 1}.")
        answer = sent[number]
        if answer.verb != verb:
            what = f"the protocol asked to {verb}"
            raise InvalidOutputError(f"Its process sent what {answer.verb} answered, but {what}.")
        return None if answer.part is None else self._of_rows(answer.part, rows)

    def _of_rows(self, part: Part, rows: int) -> Tensor:
        if not part.shape or part.shape[0] != rows:
            sent = f"an answer of the shape {list(part.shape)}"
            raise InvalidOutputError(f"Its process sent {sent} for {rows} rows.")
        try:
            return tensors.get(self.octets, part)
        except ValueError as error:
            raise InvalidOutputError(f"Its process sent no such answer: {error}.") from error

    def end(self) -> None:
        """Raise InvalidOutputError if something was sent that nobody asked for."""
        sent, asked = sum(map(len, self.answers.values())), self.asked.total()
        if sent != asked:
            count = f"Its process sent {sent} answers"
            raise InvalidOutputError(f"{count}, but the protocol asked for {asked}.")


class _Replayed(_Named):
    """A learner that learns nothing and answers what was sent."""

    def __init__(self, task: Task, generator: torch.Generator, name: str, replay: Replay) -> None:
        super().__init__(task, generator, name)
        self.replay = replay

    def _copied(self, memo: dict[int, Any], generator: torch.Generator, name: str) -> Self:
        return type(self)(self.task, generator, name, self.replay)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        pass

    def adapt(self, support: Split) -> None:
        pass

    def predict(self, x: Inputs) -> Tensor:
        answer = self.replay.next(self.name, "predict", x.shape[0])
        if answer is None:
            raise InvalidOutputError("Its process sent no prediction where one was asked for.")
        return answer

    def embed(self, x: Inputs) -> Tensor | None:
        return self.replay.next(self.name, "embed", x.shape[0])
