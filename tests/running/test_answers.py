"""What learners answered comes back to the learner that answered it, or is refused."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from medtl_bench.contract.algorithm import Algorithm, copied
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError
from medtl_bench.randomness import generator
from medtl_bench.running.answers import Answer, Recording, Replay
from medtl_bench.running.tensors import Part

TASK = Task("regression")
ROWS = torch.zeros(3, 2)
FIRST = "/1.1"


@dataclass
class Draws(Algorithm):
    """Answer with numbers of its generator."""

    dtype: torch.dtype = torch.float32

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        pass

    def predict(self, x):
        return torch.rand(len(x), generator=self.generator).to(self.dtype)

    def embed(self, x):
        return None if self.dtype == torch.float64 else torch.arange(len(x))[:, None]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def examined(make, order=(0, 1, 2)):
    """Return answers of a learner, its copies and a copy of one, asked in an order."""
    root = make(TASK, seeded(1))
    branches = [copied(root, generator("branch", number)) for number in range(2)]
    learners = [*branches, copied(branches[0], generator("branch", 0))]
    answers = {number: learners[number].predict(ROWS) for number in order}
    return [answers[number] for number in range(3)] + [root.predict(ROWS), root.embed(ROWS)]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str
)
def test_answers_come_back_in_whatever_order_learners_are_asked(dtype, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    with path.open("xb") as file:
        recording = Recording(file)
        said = examined(lambda task, source: recording.of(Draws(task, source, dtype)))
        answers = recording.end()
    replay = Replay(answers, path)
    again = examined(replay.make, order=(2, 1, 0))
    for one, other in zip(said[:4], again[:4], strict=True):
        assert other.dtype == one.dtype == dtype
        assert torch.equal(one, other)
    if dtype == torch.float64:
        assert (said[4], again[4]) == (None, None)
    else:
        assert torch.equal(said[4].double(), again[4])
    replay.end()


def sent(path: Path, answers: int) -> dict[str, tuple[Answer, ...]]:
    with path.open("xb") as file:
        recording = Recording(file)
        learner = recording.of(Draws(TASK, seeded(1)))
        for _ in range(answers):
            learner.predict(ROWS)
        return recording.end()


def test_too_few_answers_and_too_many_are_told_with_their_number(tmp_path: Path) -> None:
    answers = sent(tmp_path / "answers", 2)
    replay = Replay(answers, tmp_path / "answers")
    learner = replay.make(TASK, seeded(1))
    learner.predict(ROWS)
    with pytest.raises(InvalidOutputError, match="sent 2 answers, but the protocol asked for 1"):
        replay.end()
    learner.predict(ROWS)
    with pytest.raises(InvalidOutputError, match=r"sent 2 answers of a .*, but .* asked for 3"):
        learner.predict(ROWS)


def test_an_answer_to_another_verb_or_of_other_rows_is_refused(tmp_path: Path) -> None:
    answers = sent(tmp_path / "answers", 2)
    learner = Replay(answers, tmp_path / "answers").make(TASK, seeded(1))
    with pytest.raises(InvalidOutputError, match=r"sent what predict answered, but .* to embed"):
        learner.embed(ROWS)
    with pytest.raises(InvalidOutputError, match=r"an answer of the shape \[3\] for 2 rows"):
        learner.predict(ROWS[:2])


WRONG = {
    "beyond the end": {"offset": 2**40},
    "before the start": {"offset": -64},
    "huge": {"shape": (3, 2**62, 2**62)},
    "negative": {"shape": (3, -1)},
    "no row": {"shape": ()},
    "of no dtype": {"dtype": "object"},
    "not aligned": {"offset": 1},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_place_where_no_tensor_can_be_is_refused(wrong, tmp_path: Path) -> None:
    answers = sent(tmp_path / "answers", 1)
    (answer,) = answers[FIRST]
    assert answer.part == Part(offset=0, dtype="float32", shape=(3,))
    part = answer.part.model_copy(update=WRONG[wrong])
    replay = Replay({FIRST: (answer.model_copy(update={"part": part}),)}, tmp_path / "answers")
    with pytest.raises(InvalidOutputError, match="Its process sent"):
        replay.make(TASK, seeded(1)).predict(ROWS)


FILES = {
    "a pipe": os.mkfifo,
    "a link": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "empty": Path.touch,
    "gone": lambda path: None,
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_file_of_answers_is_not_read(kind, tmp_path: Path) -> None:
    FILES[kind](tmp_path / "answers")
    with pytest.raises((OSError, ValueError)):
        Replay({}, tmp_path / "answers")


@dataclass
class Told(Draws):
    """Answer with the length of a domain's name where it is told one."""

    def predict_for(self, domain, x):
        return torch.full((len(x),), float(len(domain)))


def test_what_is_told_of_a_question_reaches_the_learner_and_its_answer_comes_back(tmp_path):
    with (tmp_path / "answers").open("xb") as file:
        recording = Recording(file)
        learner = recording.of(Told(TASK, seeded(1)))
        said = [learner.predict_for("four", ROWS), learner.predict(ROWS)]
        answers = recording.end()
    replayed = Replay(answers, tmp_path / "answers").make(TASK, seeded(1))
    assert replayed.predict_for("four", ROWS).tolist() == [4.0] * 3
    assert torch.equal(replayed.predict(ROWS), said[1])
