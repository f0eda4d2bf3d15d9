"""A trial, another one that differs in every field, and a record to write."""

from medtl_bench.results.record import About, Outcome, Record, Score, Trial

TRIAL = {
    "dataset": "small",
    "dataset_digest": "d1",
    "algorithm": "dann",
    "algorithm_source": "medtl-bench 0.1 abc",
    "parameters": {"weight": 0.5, "steps": 3},
    "protocol": "transfer",
    "scenario": "to-c",
    "settings": {"sources": ["a", "b"], "targets": ["c"], "shots": [1, 5], "draws": 2},
    "seed": 0,
    "threads": 1,
    "stacked": False,
    "versions": {"torch": "2.6"},
    "packages": {"scikit-learn": "1.5"},
    "plugins": {"metric loss": "a file 0 abc"},
    "chosen": {},
}
OTHER = {
    "dataset": "other",
    "dataset_digest": "d2",
    "algorithm": "ewc",
    "algorithm_source": "medtl-bench 0.2 abc",
    "parameters": {"weight": 0.5, "steps": 4},
    "protocol": "stream",
    "scenario": "to-b",
    "settings": {"sources": ["a", "b"], "targets": ["c"], "shots": [1, 5], "draws": 3},
    "seed": 1,
    "threads": 2,
    "stacked": True,
    "versions": {"torch": "3"},
    "packages": {"scikit-learn": "1.6"},
    "plugins": {"metric loss": "a file 0 abd"},
    "chosen": {"rule": "source-validation", "draws": 20, "seeds": 3},
}
ABOUT = About(
    area="clinical",
    provenance="real",
    task="classification",
    metrics=("balanced_accuracy",),
    family="bound",
)
SCORE = Score("adapt", "c", 5, 1, "c", "balanced_accuracy", 0.123456, 40)


def record(**fields) -> Record:
    outcome = fields.pop(
        "outcome", Outcome(status="ok", scores=(SCORE,), seconds={"total": 1.5}, peak_memory=3.0)
    )
    return Record(
        trial=Trial(**TRIAL | fields),
        about=ABOUT,
        outcome=outcome,
        machine={"cpu": "x"},
        finished="2026-11-01",
    )
