from tests.board.test_controls import board, records, with_patients
from tests.boards import build, render


def told(levels: dict[str, float]) -> str:
    page = render(build(records(levels)))["datasets/d.md"]
    return page.split("## What this dataset can tell")[1]


def test_a_page_begins_with_what_its_dataset_can_tell() -> None:
    page = render(board({}))["datasets/p.md"]
    assert page.split("\n## ")[1].startswith("What this dataset can tell")


def test_controls_are_told_with_intervals_and_scores_scaled_beside_raw() -> None:
    page = told({"chance": 0.5, "target-only": 0.92, "dann": 0.71, "ewc": 0.75})
    assert "**Headroom** 0.400 ± 0.050 over 3 seeds" in page
    assert "target-only has 0.910 ± 0.025 and chance 0.510 ± 0.025 (target full)" in page
    assert "**Smallest difference** in target score, k = 0" in page
    scaled = page.split("## Scores between the controls")[1].split("| dann")[1]
    cells = [cell.strip() for cell in scaled.split("\n")[0].split("|")[1:3]]
    assert cells == ["0.610", "0.25"]


def test_training_that_has_not_converged_is_told() -> None:
    levels = {"chance": 0.5, "target-only": 0.9}
    assert "**has not converged**" in told({**levels, "converged-target": 0.97})
    assert "has converged as far as these seeds" in told({**levels, "converged-target": 0.89})
    assert "**Training**" not in told(levels)


def test_a_dataset_that_counts_in_no_rank_says_why_on_its_page_and_on_all() -> None:
    files = render(board({"q": 0.2}))
    assert "**It counts in no rank**" in files["datasets/q.md"]
    for page in ("README.md", "areas/clinical.md"):
        assert "q counts in no rank, for its controls are out of order" in files[page]
    assert "Not known: it takes two seeds" in told({"dann": 0.6, "ewc": 0.7})


def test_pages_say_whether_patients_are_in_an_interval() -> None:
    made = records({"chance": 0.5, "target-only": 0.9, "dann": 0.6, "ewc": 0.7})
    made += records({"converged-target": 0.91})
    files, known = render(build(made)), render(build(with_patients(made, 0.02)))
    for words, name in (
        ("over 3 seeds and the test units: ", "datasets/d.md"),
        ("as far as these seeds and test units can tell", "datasets/d.md"),
        ("that these seeds and test units can show", "datasets/d.md"),
        ("the paired differences over seeds and test units, crossed.", "README.md"),
    ):
        assert words in known[name]
        assert words not in files[name]
