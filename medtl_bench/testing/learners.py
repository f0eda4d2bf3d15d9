"""What learners of every algorithm are checked for, on each tiny dataset they support."""

import gc
import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import copied
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.protocols import examiner, stream, transfer
from medtl_bench.randomness import generator
from medtl_bench.results.record import Score
from medtl_bench.running.answers import Recording
from medtl_bench.testing.conformance import changes, preserved, seed_globals
from medtl_bench.testing.subject import FEW, Subject
from medtl_bench.testing.tiny import Case, content
from medtl_bench.training import stacked
from medtl_bench.training.method import GradientMethod

TOLERANCE, ROUNDING = 1e-4, 1e-8  # of float32 and of float64
# enough to learn an easy task for most methods
SOME = {"steps": "20", "adapt_steps": "20", "trees": "10"}
# as long as trials train by default: what counts its steps may change late
LONG = {"steps": "200", "adapt_steps": "50"}
# the share of the way from the best constant answer to a perfect one that an easy task
# must take a method
LEARNED = 0.3
NONE: Mapping[str, str] = {}
HANDED = ("the sources", "the unlabelled inputs", "the support", "the inputs it was asked about")
CaseCheck = Callable[[Subject, Case], None]


def runs_through_the_transfer_protocol(subject: Subject, case: Case) -> None:
    """Check fit, adapt and predict in the protocol that real trials run."""
    clock, dataset = examiner.Clock(), case.whole()
    scores = transfer.transfer(
        dataset, dataset.transfers[0], subject.made, seed=0, shots=(1, 2), draws=1, clock=clock
    )
    _check_scored(case, scores, {"fit", "adapt", "full", "retained"})


def runs_through_the_stream_protocol(subject: Subject, case: Case) -> None:
    """Check that one learner can go through all domains, also where classes are new."""
    clock, dataset = examiner.Clock(), case.whole()
    scores = stream.stream(dataset, dataset.streams[0], subject.made, seed=0, clock=clock)
    _check_scored(case, scores, {"learn"})


def answers_where_each_domain_asks_its_own_question(subject: Subject, case: Case) -> None:
    """Check that it runs through both protocols where labels are each domain's own.

    It is then told whose question it is asked. On the first tiny dataset alone.
    """
    if case.name != subject.cases[0].name:
        return
    dataset, clock = replace(case.whole(), labels="own", checked=True), examiner.Clock()
    few = transfer.transfer(
        dataset, dataset.transfers[0], subject.made, shots=(1,), draws=1, seed=0, clock=clock
    )
    _check_scored(case, few, {"fit", "adapt", "full", "retained"})
    along = stream.stream(dataset, dataset.streams[0], subject.made, seed=0, clock=clock)
    _check_scored(case, along, {"learn"})


def _check_scored(case: Case, scores: Iterator[Score], stages: set[str]) -> None:
    scored = {score.stage for score in scores if score.metric == case.task.primary}
    if missing := stages - scored:
        raise MedTLError(f"there is no {case.task.primary} at {', '.join(sorted(missing))}.")


def answers_one_row_or_many(subject: Subject, case: Case) -> None:
    """Check that predictions are finite, detached and well shaped, also of a single row."""
    learner, test = subject.fitted(case), case.test()
    for _ in range(2):
        for split in (test, test[torch.arange(1)]):
            examiner.check_outputs(case.task, learner.predict(split.x), split)
        learner.adapt(case.target())


def adapts_to_one_row_a_class_twice_in_a_row(subject: Subject, case: Case) -> None:
    """Check that `adapt` takes as little as one row of a class, and again."""
    learner, test = subject.fitted(case), case.test()
    for number in range(2):
        learner.adapt(case.support(number))
        examiner.check_outputs(case.task, learner.predict(test.x), test)


def stays_as_it_is_when_a_copy_adapts(subject: Subject, case: Case) -> None:
    """Check that nothing flows back from a copy, of which every support has a fresh one."""
    learner, x = subject.fit(case), case.test().x
    state = learner.generator.get_state()
    before = copied(learner, generator("ask")).predict(x)
    branch = copied(learner, generator("branch"))
    branch.adapt(case.target())
    branch.predict(x)
    if not torch.equal(before, copied(learner, generator("ask")).predict(x)):
        raise MedTLError(
            "adapting a copy changed the original's answers; "
            "keep nothing that is learned on the class or in the module."
        )
    if not torch.equal(state, learner.generator.get_state()):
        raise MedTLError(
            "a copy drew from the original's generator; reach it as self.generator only."
        )


def repeats_itself_with_the_same_seed(subject: Subject, case: Case) -> None:
    """Check that with one seed everywhere its answers are the same bits each time."""
    first, again = (_seeded_answers(subject, case, 0) for _ in range(2))
    if not torch.equal(first, again):
        raise MedTLError("its answers differ from run to run, although all seeds are the same.")


def draws_from_its_own_generator_only(subject: Subject, case: Case) -> None:
    """Check that the seeds of torch, numpy and the module random make no difference."""
    first, other = (_seeded_answers(subject, case, seed) for seed in range(2))
    if not torch.equal(first, other):
        raise MedTLError(
            "its answers depend on a global random state; draw from self.generator only."
        )


def _seeded_answers(subject: Subject, case: Case, global_seed: int) -> Tensor:
    seed_globals(global_seed)
    return _answers(subject, case)


def _answers(
    subject: Subject, case: Case, seed: int | None = None, texts: Mapping[str, str] = FEW
) -> Tensor:
    learner = subject.fit(case, texts, seed=seed)
    learner.adapt(case.support())
    return learner.predict(case.test().x)


def leaves_the_process_as_it_was(subject: Subject, case: Case) -> None:
    """Check that it changes nothing of the whole process, such as threads."""
    if changed := changes(partial(_answers, subject, case)):
        raise MedTLError(f"it changed {', '.join(changed)}.")


def changes_nothing_it_is_handed(subject: Subject, case: Case) -> None:
    """Check that it leaves the splits it is handed, which are everyone's, as they are."""
    sources, target, support, test = case.sources(), case.target(), case.support(), case.test()
    handed = ([*sources], [target], [support], [test])
    before = [_contents(splits) for splits in handed]
    learner = subject.learner(case.task)
    learner.fit(sources, target.x)
    learner.adapt(support)
    learner.predict(test.x)
    for name, splits, old in zip(HANDED, handed, before, strict=True):
        if _contents(splits) != old:
            raise MedTLError(f"it changed {name} in place; work on a copy.")
    if len(sources) != len(handed[0]):
        raise MedTLError("it changed the list of sources; work on a copy.")


def _contents(splits: list[Split]) -> list[object]:
    return [content(split) for split in splits]


def trains_beside_others_as_alone(subject: Subject, case: Case) -> None:
    """Check that trainings done as one program come out as each does by itself.

    In float64 where the method's network can: in float32 a few steps of a method that is
    deep in its own gradients can turn rounding into a difference. On the first tiny
    dataset as many steps as a trial has, on the others a few.
    """
    if not issubclass(subject.cls, GradientMethod) or subject.cls.one_by_one:
        return
    try:
        gap = _gap_beside(subject, case.double(), torch.float64) / ROUNDING
    except RuntimeError:  # of two dtypes: a network of float32 alone, such as one of Keras
        gap = _gap_beside(subject, case, torch.float32) / TOLERANCE
    if not gap <= 1:
        raise MedTLError(
            f"its answers differ by {gap:.2g} times what rounding explains when it is trained "
            "beside others; an objective reads the network, the batch, the task, the options and "
            "what `state` names, and calculates with tensors throughout."
        )


def _gap_beside(subject: Subject, case: Case, dtype: torch.dtype) -> float:
    """Return how far answers of learners trained together and alone lie apart."""
    stacker = stacked.Stacker(sparing=False)
    texts = LONG if case.name == subject.cases[0].name else FEW
    works = [partial(_answers, subject, case, seed, texts) for seed in range(2)]
    with preserved():
        torch.set_default_dtype(dtype)
        alone = [work() for work in works]
        beside = [task.result() for task in cooperative.run(works, stacker, stacked.MOST)]
    for reason in stacker.alone:
        raise MedTLError(
            "its trainings could not be done as one; "
            f"say why not in one_by_one, or mend this: {reason}"
        )
    pairs = zip(beside, alone, strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs)


def answers_a_row_alone_as_in_company(subject: Subject, case: Case) -> None:
    """Check that an answer does not depend on the other rows asked about.

    It does with batch norm in training mode. Bounds are let off: chance draws its answers at
    random.
    """
    learner, x = subject.fitted(case), case.test().x
    for stage in ("fit", "adapt"):
        together = _comparable(case.task, learner.predict(x))[:3]
        rows = [learner.predict(x[row : row + 1]) for row in range(3)]
        alone = torch.cat([_comparable(case.task, row) for row in rows])
        gap = float((together - alone).detach().abs().max())
        if not gap <= TOLERANCE:
            raise MedTLError(
                f"after {stage}, a row's answer differs by {gap:.2g} when it is asked about alone."
            )
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
        raise MedTLError(
            f"embed returned the shape {list(features.shape)} for {x.shape[0]} rows, "
            "but [n, width] was expected."
        )
    if not features.is_floating_point() or features.requires_grad or not features.isfinite().all():
        raise MedTLError("embed returned something else than finite detached floats.")


def learns_an_easy_task(subject: Subject, case: Case) -> None:
    """Check that with all labels it is well above the best constant answer.

    It gets 20 steps first and its own defaults if these did not do. Bounds are let off,
    for chance learns nothing. So is the case with new classes, where clinging to the old
    ones is a method.
    """
    if case.new_classes:
        return
    test, reached = case.test(), 0.0
    floor = _constant(case.task, test)
    for texts in (SOME, NONE):
        learner = subject.fit(case, texts)
        learner.adapt(case.target())
        outputs = learner.predict(test.x)
        examiner.check_outputs(case.task, outputs, test)
        reached = _primary(case.task, outputs, test)
        if reached >= floor + LEARNED * (1 - floor):
            return
    best = f"a constant answer reaches {floor:.3f} and a perfect one 1"
    raise MedTLError(f"its {case.task.primary} is {reached:.3f} with all labels, but {best}.")


def _primary(task: Task, outputs: Tensor, split: Split) -> float:
    return examiner.measure(task, outputs, split.y, [task.primary])[task.primary]


def _constant(task: Task, split: Split) -> float:
    if task.kind == "regression":
        return _primary(task, torch.zeros(len(split)), split)
    answers = torch.eye(task.outputs).view(task.outputs, 1, task.outputs, *[1] * (split.y.ndim - 1))
    return max(
        _primary(task, answer.expand(len(split), -1, *split.y.shape[1:]), split)
        for answer in answers
    )


def answers_the_same_whatever_labels_it_is_judged_by(subject: Subject, case: Case) -> None:
    """Check that no answer changes with labels of test and validation rows.

    They are in the process here, to be found in frames or by the garbage collector, as they
    are not where trials are run. On the first tiny dataset alone, for to collect garbage takes
    longer than all else.
    """
    if case.name != subject.cases[0].name:
        return
    true, wrong = (_asked_of(subject, case, wrong=wrong) for wrong in (False, True))
    if true != wrong:
        raise MedTLError(
            "its answers change with labels of test or validation rows, which it was not handed; "
            "learn from what `fit` and `adapt` are handed alone."
        )


def _asked_of(subject: Subject, case: Case, *, wrong: bool) -> bytes:
    """Return all that learners answer in a transfer, where labels to judge by may be wrong."""
    gc.collect()  # what an earlier call left may still hold other labels
    seed_globals(0)
    dataset, recording = case.drawn_anew(), Recording(io.BytesIO())
    if wrong:
        domains = [_mislabelled(case.task, domain) for domain in dataset.domains]
        dataset = replace(dataset, domains=tuple(domains))
    scores = transfer.transfer(
        dataset,
        dataset.transfers[0],
        lambda task, source: recording.of(subject.made(task, source)),
        seed=0,
        shots=(1,),
        draws=1,
        clock=examiner.Clock(),
    )
    deque(scores, maxlen=0)
    recording.file.seek(0)
    return recording.file.read()


def _mislabelled(task: Task, domain: Domain) -> Domain:
    """Return a domain with wrong labels of validation and test rows."""
    judged_by = (_wrong(task, split) for split in (domain.val, domain.test))
    return Domain(domain.name, domain.train, *judged_by)


def _wrong(task: Task, split: Split) -> Split:
    y = -split.y if task.kind == "regression" else (split.y + 1) % task.outputs
    return replace(split, y=y)


CHECKS: tuple[CaseCheck, ...] = (
    runs_through_the_transfer_protocol,
    runs_through_the_stream_protocol,
    answers_where_each_domain_asks_its_own_question,
    answers_one_row_or_many,
    adapts_to_one_row_a_class_twice_in_a_row,
    stays_as_it_is_when_a_copy_adapts,
    repeats_itself_with_the_same_seed,
    draws_from_its_own_generator_only,
    leaves_the_process_as_it_was,
    changes_nothing_it_is_handed,
    answers_the_same_whatever_labels_it_is_judged_by,
    trains_beside_others_as_alone,
    answers_a_row_alone_as_in_company,
    embeds_rows_as_vectors,
    learns_an_easy_task,
)
NOT_OF_BOUNDS = (answers_a_row_alone_as_in_company, learns_an_easy_task)
