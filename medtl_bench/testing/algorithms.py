"""What every algorithm is checked for, on the tiny datasets that it supports."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from medtl_bench import protocols
from medtl_bench.algorithm import INSTALL, Algorithm, copied, parameters, refusal, resolve
from medtl_bench.data import Split, Task
from medtl_bench.errors import MedTLError
from medtl_bench.hookspecs import Family
from medtl_bench.results import Score
from medtl_bench.seeds import generator
from medtl_bench.testing.conformance import Conformance, changes, seed_globals, words
from medtl_bench.testing.tiny import Case, cases, content, unlabelled

TOLERANCE = 1e-4
FEW = {"steps": "3", "adapt_steps": "2", "trees": "3"}  # enough for every check but that of learning,
SOME = {"steps": "20", "adapt_steps": "20", "trees": "10"}  # for which these do with most methods
LEARNED = 0.3  # the share of the way from the best constant answer to a perfect one that an easy task must take a method
NONE: Mapping[str, str] = {}
HANDED = ("the sources", "the unlabelled inputs", "the support", "the inputs it was asked about")


@dataclass(frozen=True)
class Subject:
    """An algorithm under examination."""

    name: str
    family: Family
    load: Callable[[], type[Algorithm]]

    @cached_property
    def cls(self) -> type[Algorithm]:
        """Return the class, loaded."""
        return self.load()

    @cached_property
    def cases(self) -> list[Case]:
        """Return the tiny datasets whose task and inputs the algorithm supports."""
        return [case for case in cases() if self.refusal(case) is None]

    def refusal(self, case: Case) -> str | None:
        """Return why the algorithm cannot do a case, or None if it can."""
        return refusal(self.cls, case.task, case.target().x)

    @cached_property
    def fitted_once(self) -> dict[str, Algorithm]:
        """Return the learners fitted so far, by the name of the case."""
        return {}

    def learner(self, task: Task, given: Mapping[str, str] = FEW) -> Algorithm:
        """Return a learner that was shown nothing yet, with the `given` parameters where the algorithm has them."""
        known = parameters(self.cls)
        values = resolve(self.cls, self.name, {name: text for name, text in given.items() if name in known})
        return self.cls(task, generator("conformance"), **values)

    def fit(self, case: Case, given: Mapping[str, str] = FEW) -> Algorithm:
        """Return a learner fitted on a case."""
        learner = self.learner(case.task, given)
        learner.fit(case.sources(), case.target().x)
        return learner

    def fitted(self, case: Case) -> Algorithm:
        """Return a copy of one learner, which is fitted only once for each case."""
        if case.name not in self.fitted_once:
            self.fitted_once[case.name] = self.fit(case)
        return copied(self.fitted_once[case.name], generator("copy"))


def checks(subject: Subject) -> Iterator[Conformance]:
    """Yield the checks of an algorithm, less two where it is a bound, which may learn nothing and answer at random."""
    for check in CLASS_CHECKS:
        yield Conformance(subject.name, words(check), partial(check, subject))
    for case_check in CASE_CHECKS:
        if subject.family != "bound" or case_check not in NOT_OF_BOUNDS:
            yield Conformance(subject.name, words(case_check), partial(_on_each_case, case_check, subject))


def _on_each_case(check: "CaseCheck", subject: Subject) -> None:
    for case in subject.cases:
        try:
            check(subject, case)
        except Exception as error:
            error.add_note(f"on {case.name}")
            raise


def is_a_documented_dataclass(subject: Subject) -> None:
    """Check that the class is a finished Algorithm, has a docstring of its own, and is a dataclass where it adds fields."""
    cls = subject.cls
    if missing := sorted(cls.__abstractmethods__):
        raise MedTLError(f"{cls.__name__} does not implement {', '.join(missing)}.")
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise MedTLError(f"{cls.__name__} has no docstring; it should say what is minimised and whose method it is.")
    known = {field.name for field in dataclasses.fields(cls)}
    for base in cls.__mro__[: cls.__mro__.index(Algorithm)]:
        for name, annotation in inspect.get_annotations(base).items():
            if name not in known and "ClassVar" not in str(annotation):
                raise MedTLError(
                    f"{base.__name__}.{name} is no field, because {base.__name__} is not decorated with @dataclass."
                )


def has_parameters_that_can_be_given_and_recorded(subject: Subject) -> None:
    """Check that every default, written on the command line, is read back as itself, and that a record can store it."""
    for name, parameter in parameters(subject.cls).items():
        if not _is_json(parameter.default):
            raise MedTLError(f"the default of {name}, {parameter.default!r}, cannot be stored in a record as JSON.")
        if parameter.default is None:  # the one value that only leaving the parameter out gives
            continue
        try:
            read = resolve(subject.cls, subject.name, {name: str(parameter.default)})[name]
        except MedTLError as error:
            raise MedTLError(f"its default cannot be given on the command line: {error}") from error
        if read != parameter.default:
            raise MedTLError(f"the default of {name}, {parameter.default!r}, is read back from the command line as {read!r}.")


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


def says_which_tasks_it_supports(subject: Subject) -> None:
    """Check that `supports` and `takes` answer None or a reason in a line, and None for a tiny dataset or a missing package."""
    asked = {"supports": [subject.cls.supports(case.task) for case in cases()]}
    asked["takes"] = [subject.cls.takes(case.target().x) for case in cases()]
    for name, answers in asked.items():
        for answer in answers:
            if answer is not None and not (isinstance(answer, str) and answer.strip() and "\n" not in answer):
                raise MedTLError(f"{name} returned {answer!r}, but None or a reason in one line was expected.")
    reasons = sorted({str(subject.refusal(case)) for case in cases()})
    if not subject.cases and not any(reason.startswith(INSTALL) for reason in reasons):
        raise MedTLError(f"it supports none of the tasks that the suite has; its reasons: {'; '.join(reasons)}.")


def embeds_without_labels_if_it_says_so(subject: Subject) -> None:
    """Check that a method that needs no labels has an embedding to measure on a dataset without any."""
    if subject.cls.needs_labels or not subject.cases:
        return
    dataset, clock = unlabelled(), protocols.Clock()
    make = partial(_given, subject)
    scores = protocols.transfer(dataset, dataset.transfers[0], make, seed=0, shots=(), draws=0, clock=clock)
    if dataset.task.primary not in {score.metric for score in scores}:
        raise MedTLError(f"its embedding of a dataset without labels gives no {dataset.task.primary}.")


def runs_through_the_transfer_protocol(subject: Subject, case: Case) -> None:
    """Check fit, adapt and predict in the protocol that real trials run."""
    make, clock, dataset = partial(_given, subject), protocols.Clock(), case.whole()
    scores = protocols.transfer(dataset, dataset.transfers[0], make, seed=0, shots=(1, 2), draws=1, clock=clock)
    _check_scored(case, scores, {"fit", "adapt", "full", "retained"})


def runs_through_the_stream_protocol(subject: Subject, case: Case) -> None:
    """Check that one learner can go through all domains in turn, some of which hold classes it has not met."""
    make, clock, dataset = partial(_given, subject), protocols.Clock(), case.whole()
    _check_scored(case, protocols.stream(dataset, dataset.streams[0], make, seed=0, clock=clock), {"learn"})


def _given(subject: Subject, task: Task, source: torch.Generator) -> Algorithm:
    return copied(subject.learner(task), source)


def _check_scored(case: Case, scores: Iterator[Score], stages: set[str]) -> None:
    if missing := stages - {score.stage for score in scores if score.metric == case.task.primary}:
        raise MedTLError(f"there is no {case.task.primary} at {', '.join(sorted(missing))}.")


def answers_one_row_or_many(subject: Subject, case: Case) -> None:
    """Check that predictions are finite, detached and of the right shape, before and after adapting, also of a single row."""
    learner, test = subject.fitted(case), case.test()
    for _ in range(2):
        for split in (test, test[torch.arange(1)]):
            protocols.check_outputs(case.task, learner.predict(split.x), split)
        learner.adapt(case.target())


def adapts_to_one_row_a_class_twice_in_a_row(subject: Subject, case: Case) -> None:
    """Check that `adapt` takes as little as one row of a class, and again."""
    learner, test = subject.fitted(case), case.test()
    for number in range(2):
        learner.adapt(case.support(number))
        protocols.check_outputs(case.task, learner.predict(test.x), test)


def stays_as_it_is_when_a_copy_adapts(subject: Subject, case: Case) -> None:
    """Check that nothing flows back from a copy, of which the suite adapts a fresh one for every support."""
    learner, x = subject.fit(case), case.test().x
    state = learner.generator.get_state()
    before = copied(learner, generator("ask")).predict(x)
    branch = copied(learner, generator("branch"))
    branch.adapt(case.target())
    branch.predict(x)
    if not torch.equal(before, copied(learner, generator("ask")).predict(x)):
        raise MedTLError(
            "adapting a copy changed the original's answers; keep nothing that is learned on the class or in the module."
        )
    if not torch.equal(state, learner.generator.get_state()):
        raise MedTLError("a copy drew from the original's generator; reach it as self.generator only.")


def repeats_itself_with_the_same_seed(subject: Subject, case: Case) -> None:
    """Check that with one seed everywhere fit, adapt and predict give the same bits each time."""
    if not torch.equal(_seeded_answers(subject, case, 0), _seeded_answers(subject, case, 0)):
        raise MedTLError("its answers differ from run to run, although all seeds are the same.")


def draws_from_its_own_generator_only(subject: Subject, case: Case) -> None:
    """Check that the seeds of torch, numpy and the module random make no difference."""
    if not torch.equal(_seeded_answers(subject, case, 0), _seeded_answers(subject, case, 1)):
        raise MedTLError("its answers depend on a global random state; draw from self.generator only.")


def _seeded_answers(subject: Subject, case: Case, global_seed: int) -> Tensor:
    seed_globals(global_seed)
    return _answers(subject, case)


def _answers(subject: Subject, case: Case) -> Tensor:
    learner = subject.fit(case)
    learner.adapt(case.support())
    return learner.predict(case.test().x)


def leaves_the_process_as_it_was(subject: Subject, case: Case) -> None:
    """Check that random states, default dtype, threads, working directory and environment are left alone."""
    if changed := changes(partial(_answers, subject, case)):
        raise MedTLError(f"it changed {', '.join(changed)}.")


def changes_nothing_it_is_handed(subject: Subject, case: Case) -> None:
    """Check that it leaves the splits it is handed, which are everyone's, as they are."""
    sources, target, support, test = case.sources(), case.target(), case.support(), case.test()
    handed = ([*sources], [target], [support], [test])
    before = [[content(split) for split in splits] for splits in handed]
    learner = subject.learner(case.task)
    learner.fit(sources, target.x)
    learner.adapt(support)
    learner.predict(test.x)
    for name, splits, old in zip(HANDED, handed, before, strict=True):
        if [content(split) for split in splits] != old:
            raise MedTLError(f"it changed {name} in place; work on a copy.")
    if len(sources) != len(handed[0]):
        raise MedTLError("it changed the list of sources; work on a copy.")


def answers_a_row_alone_as_in_company(subject: Subject, case: Case) -> None:
    """Check that an answer does not depend on the other rows asked about, as it does with batch norm in training mode.

    Bounds are let off: chance draws its answers at random.
    """
    learner, x = subject.fitted(case), case.test().x
    for stage in ("fit", "adapt"):
        together = _comparable(case.task, learner.predict(x))
        alone = torch.cat([_comparable(case.task, learner.predict(x[row : row + 1])) for row in range(3)])
        gap = float((together[:3] - alone).abs().max())
        if not gap <= TOLERANCE:
            raise MedTLError(f"after {stage}, a row's answer differs by {gap:.2g} when it is asked about alone.")
        learner.adapt(case.support())


def _comparable(task: Task, outputs: Tensor) -> Tensor:
    return outputs if task.kind == "regression" else outputs.softmax(1)


def embeds_rows_as_vectors(subject: Subject, case: Case) -> None:
    """Check that `embed` gives finite detached features [n, width], or None."""
    learner, x = subject.fitted(case), case.test().x
    features = learner.embed(x)
    if features is None:
        return
    if features.ndim != 2 or features.shape[0] != x.shape[0]:
        raise MedTLError(f"embed returned the shape {list(features.shape)} for {x.shape[0]} rows, but [n, width] was expected.")
    if not features.is_floating_point() or features.requires_grad or not features.isfinite().all():
        raise MedTLError("embed returned something else than finite detached floats.")


def learns_an_easy_task(subject: Subject, case: Case) -> None:
    """Check that with all labels it comes well above the best answer that ignores the inputs.

    It gets 20 steps first and its own defaults if these did not do. Bounds are let off, for chance learns nothing. So is the
    case with new classes, where clinging to the old ones is a method.
    """
    if case.new_classes:
        return
    test, reached = case.test(), 0.0
    floor = _constant(case.task, test)
    for given in (SOME, NONE):
        learner = subject.fit(case, given)
        learner.adapt(case.target())
        outputs = learner.predict(test.x)
        protocols.check_outputs(case.task, outputs, test)
        reached = _primary(case.task, outputs, test)
        if reached >= floor + LEARNED * (1 - floor):
            return
    best = f"a constant answer reaches {floor:.3f} and a perfect one 1"
    raise MedTLError(f"its {case.task.primary} is {reached:.3f} with all labels, but {best}.")


def _primary(task: Task, outputs: Tensor, split: Split) -> float:
    return protocols.measure(task, outputs, split.y, [task.primary])[task.primary]


def _constant(task: Task, split: Split) -> float:
    if task.kind == "regression":
        return _primary(task, torch.zeros(len(split)), split)
    answers = torch.eye(task.outputs).view(task.outputs, 1, task.outputs, *[1] * (split.y.ndim - 1))
    return max(_primary(task, answer.expand(len(split), -1, *split.y.shape[1:]), split) for answer in answers)


CaseCheck = Callable[[Subject, Case], None]
CLASS_CHECKS = (
    is_a_documented_dataclass,
    has_parameters_that_can_be_given_and_recorded,
    says_which_tasks_it_supports,
    embeds_without_labels_if_it_says_so,
)
CASE_CHECKS: tuple[CaseCheck, ...] = (
    runs_through_the_transfer_protocol,
    runs_through_the_stream_protocol,
    answers_one_row_or_many,
    adapts_to_one_row_a_class_twice_in_a_row,
    stays_as_it_is_when_a_copy_adapts,
    repeats_itself_with_the_same_seed,
    draws_from_its_own_generator_only,
    leaves_the_process_as_it_was,
    changes_nothing_it_is_handed,
    answers_a_row_alone_as_in_company,
    embeds_rows_as_vectors,
    learns_an_easy_task,
)
NOT_OF_BOUNDS = (answers_a_row_alone_as_in_company, learns_an_easy_task)
