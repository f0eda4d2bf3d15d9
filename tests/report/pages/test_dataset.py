import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from medtl_bench.metrics.registry import INTEGRATION
from medtl_bench.results.record import ALONE, Record, Score
from tests.boards import build, render
from tests.records import METHODS, record, stream_record, stream_scores, suite, transfer_scores


def pages(records: Sequence[Record], damaged: dict[Path, str] | None = None) -> dict[str, str]:
    return {
        name: text
        for name, text in render(build(records), damaged or {}).items()
        if name.endswith(".md")
    }


@pytest.fixture(scope="module")
def whole() -> dict[str, str]:
    return pages(suite())


def lines_with(page: str, start: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(start)]


def test_every_page_begins_with_its_question_and_ends_with_how_to_read_it(
    whole: dict[str, str],
) -> None:
    assert set(whole) == {
        "README.md",
        "areas/clinical.md",
        "datasets/cells.md",
        "datasets/hearts.md",
        "quality.md",
    }
    for name, page in whole.items():
        title, _, question, *_ = page.splitlines()
        assert title.startswith("# ")
        assert question.endswith("?")
        assert page.split("\n## ")[-1].startswith("How to read this page")
        assert page.endswith("\n")
        assert "nan" not in page
        assert "Real data" in page or name == "quality.md"


def test_a_dataset_page_ranks_methods_and_lists_bounds_apart(whole: dict[str, str]) -> None:
    page = whole["datasets/hearts.md"]
    methods, bounds = page.split("### Bounds, for reference")[:2]
    assert lines_with(methods, "| dann ")
    assert "**" in lines_with(methods, "| dann ")[0]
    assert not lines_with(methods, "| chance")
    assert lines_with(bounds, "| chance")
    assert "6/6" in lines_with(methods, "| dann ")[0]
    assert "![few-shot curves on hearts](hearts-few-shot.svg)" in page
    assert "(hearts-line.svg)" in page
    assert "cannot be told from the best" in page


def test_a_row_that_broke_is_told_and_an_incomplete_one_stands_below() -> None:
    records = suite(
        ["hearts"], {name: METHODS[name] for name in ("dann", "ewc", "chance")}, seeds=2
    )
    bad = next(r for r in records if r.trial.algorithm == "dann" and r.trial.protocol == "transfer")
    failed = bad.outcome.model_copy(
        update={"status": "timeout", "reason": "longer than\n60 s | ouch", "scores": ()}
    )
    others = [r for r in records if r is not bad]
    told = pages([*others, bad.model_copy(update={"outcome": failed})])["datasets/hearts.md"]
    assert "dann: 1 of 4 trials broke" in told
    assert "longer than 60 s &#124; ouch" in told
    half = [r for r in records if (r.trial.algorithm, r.trial.scenario) != ("dann", "to-site-1")]
    page = pages(half)["datasets/hearts.md"]
    ranked, below = page.split("### Incomplete, not ranked")[:2]
    assert not lines_with(ranked, "| dann ")
    line = lines_with(below, "| dann ")[0]
    assert "2 ok, 2 missing" in line
    assert "2/4" in line


def test_overall_page_counts_what_is_there_and_what_is_not() -> None:
    records = [*suite(["hearts"], seeds=1), record(dataset="old", scores=transfer_scores(0.5))]
    records.append(
        record(dataset="old", dataset_digest="d0", scores=transfer_scores(0.6), finished="2020")
    )
    page = pages(records, {Path("/somewhere/x|y.json"): "its checksum does not match"})["README.md"]
    assert "Of 31 planned trials: 31 ok, 0 failed, 0 timeout, 0 missing." in page
    assert "Left out, for older data, or another first metric: 1 trial." in page
    assert (
        "Left out, for damage: 1 result file (x&#124;y.json: its checksum does not match)." in page
    )
    assert "/somewhere" not in page
    assert "These are 2 datasets of 2 origins: **nothing can be told over datasets**" in page


def test_simulated_datasets_are_marked_and_do_not_count_beside_real_ones() -> None:
    records = [
        record(dataset=name, provenance=kind, scores=transfer_scores(0.5))
        for name, kind in (("r", "real"), ("s", "simulated"))
    ]
    found = pages(records)
    assert "**simulated**" in lines_with(found["README.md"], "| [s]")[0]
    heading = lines_with(found["README.md"], "| Method")[0]
    assert "r (n = 1)" in heading
    assert "s (n = 1)" not in heading
    assert "**Simulated** data" in found["datasets/s.md"]
    alone = pages(records[1:])["README.md"]
    assert "Every dataset in this table is **simulated**." in alone


def test_a_page_of_masks_names_the_classes_that_columns_number() -> None:
    classes = ("none", "scar", "a|b <i>")
    page = pages(
        [record(dataset="m", task="segmentation", classes=classes, scores=transfer_scores(0.5))]
    )["datasets/m.md"]
    assert "Task: segmentation; class 1 is scar, class 2 is a&#124;b &#60;i&#62;." in page
    page = pages(
        [record(dataset="m", task="classification", classes=classes, scores=transfer_scores(0.5))]
    )["datasets/m.md"]
    assert "Task: classification." in page


def test_what_was_trained_one_by_one_is_told_with_its_reason() -> None:
    told = f"14{ALONE}It draws from <numpy>.\nand more\n"
    logs = {"dann": told, "ewc": ""}
    records = [
        record(algorithm=name, log=log, scores=transfer_scores(0.5)) for name, log in logs.items()
    ]
    page = pages(records)["datasets/hearts.md"]
    assert "- Trained one by one, not as one program: dann. It draws from" in page
    assert page.count("one by one") == 1
    assert "<numpy>" not in page
    assert "one by one" not in pages(records[1:])["datasets/hearts.md"]


def test_several_machines_are_told() -> None:
    records = [
        record(
            seed=seed,
            machine={"cpu": f"cpu-{seed}"},
            scores=transfer_scores(0.5),
        )
        for seed in (0, 1)
    ]
    page = pages(records)["datasets/hearts.md"]
    assert "2 different machines" in page


def test_a_trial_that_was_skipped_ran_on_no_machine() -> None:
    ran = record(machine={"cpu": "cpu"}, scores=transfer_scores(0.5))
    skipped = record(seed=1, machine={}, status="skipped", reason="no", seconds={})
    assert "different machines" not in pages([ran, skipped])["datasets/hearts.md"]


def test_degenerate_records_still_make_pages() -> None:
    nan = float("nan")
    kinds = {
        "nothing": [],
        "failed": [
            record(status="failed", reason="x"),
            stream_record(status="skipped", reason="y"),
        ],
        "one method": [record(scores=transfer_scores(0.5))],
        "all NaN": [
            record(algorithm=name, scores=transfer_scores(nan, {1: [nan]}, nan))
            for name in ("a", "b")
        ],
        "no scores": [record(), stream_record()],
        "only bounds": [record(family="bound", scores=transfer_scores(0.5))],
        "stream of NaN": [stream_record(scores=stream_scores([[nan] * 3] * 3))],
    }
    for told, records in kinds.items():
        found = pages(records)
        assert "README.md" in found, told
        assert all("nan" not in page for page in found.values()), told


def test_every_other_metric_has_a_column_of_its_own_at_k_0() -> None:
    metrics = ("rmse", "marked_rmse", "concordance", "seconds")
    records = []
    for seed, algorithm in product(range(3), ("dann", "ewc", "chance")):
        low = 0.1 + 0.2 * (algorithm == "ewc") + 0.001 * seed
        extra = {"concordance": 1 - low, "marked_rmse": 2 * low, "seconds": 7.5, "ece": 0.25}
        scores = transfer_scores(low, {1: [low]}, metric="rmse", targets=["b", "c"], extra=extra)
        family = "bound" if algorithm == "chance" else "baseline"
        records.append(
            record(
                algorithm=algorithm,
                family=family,
                seed=seed,
                metrics=metrics,
                targets=("b", "c"),
                shots=(1,),
                scores=scores,
            )
        )
    page = pages(records)["datasets/hearts.md"]
    main, section = page.split("### Other measures, k = 0")
    section = section.split("\n### ")[0]
    head, _, *rows = (line for line in section.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in head.split("|")[3:-1]] == [
        "marked rmse ↓",
        "concordance ↑",
        "seconds ↑",
    ]
    cells = {
        row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in rows
    }
    assert list(cells) == ["dann", "ewc", "chance"]
    assert cells["dann"] == ["3", "**0.202 ± 0.005**", "**0.899 ± 0.002**", "**7.500 ± 0.000**"]
    assert cells["ewc"][1:3] == ["0.602 ± 0.005", "0.699 ± 0.002"]
    assert "Marked: of those rows alone that the dataset marks, as its card tells." in section
    headings = [cell.strip() for cell in lines_with(main, "| Method ")[0].split("|")]
    assert headings[6:-1] == [
        *("Target score, k = 0 ↓", "Worst target, k = 0 ↓", "Few-shot area ↓"),
        *("ECE ↓", "Seconds ↓"),
    ]


def test_a_page_without_other_metrics_has_no_table_of_them(whole: dict[str, str]) -> None:
    assert "Other measures" not in whole["datasets/hearts.md"]


def at_start(*scores: tuple[str, float], **fields: object) -> str:
    """Return the page of a dataset with these scores of a target before any label of it."""
    told = tuple(Score("fit", None, None, None, "b", name, value, 20) for name, value in scores)
    classes = ("well", "ill")
    told = (*transfer_scores(0.8), *told)
    return pages([record(scores=told, **{"classes": classes, **fields})])["datasets/hearts.md"]


def test_the_threshold_and_groups_of_patients_have_tables_of_their_own() -> None:
    cut = "source_threshold_balanced_accuracy"
    groups = [(f"balanced_accuracy sex = {sex}", value) for sex, value in (("f", 0.9), ("m", 0.6))]
    page = at_start(("roc_auc", 0.95), (cut, 0.85), *groups)
    (row,) = lines_with(page.split("### The threshold apart")[1].split("###")[0], "| dann")
    assert [cell.strip("* ") for cell in row.split("|")[3:6]] == ["0.800", "0.850", "0.950"]
    (row,) = lines_with(page.split("### By group of patients")[1].split("###")[0], "| dann")
    assert [cell.strip("* ") for cell in row.split("|")[3:6]] == ["0.900", "0.600", "0.300"]
    others = page.split("### Other measures")[1].split("###")[0]
    assert "sex" not in others
    assert "threshold" not in others


def test_what_is_confused_is_a_picture_and_no_measure() -> None:
    page = at_start(("confusion 0 0", 0.75), ("confusion 0 1", 0.25), ("confusion 1 1", 1.0))
    assert "### Which class is taken for which" in page
    assert "(hearts-classes.svg)" in page
    assert "Which class" not in at_start()
    assert "Other measures" not in page


def test_classes_that_older_records_do_not_name_are_drawn_by_number() -> None:
    scores = ("confusion 0 0", 0.75), ("confusion 0 1", 0.25), ("confusion 1 1", 1.0)
    for classes in ((), ("well",)):
        assert "(hearts-classes.svg)" in at_start(*scores, classes=classes)


def test_scores_of_a_class_of_masks_have_its_name() -> None:
    metrics = {"metrics": ("dice", "dice_class_1"), "task": "segmentation"}
    told = tuple(
        Score("fit", None, None, None, "b", name, 0.5, 20) for name in ("dice", "dice_class_1")
    )
    classes = ("background", "*lesion*")
    page = pages([record(scores=told, classes=classes, **metrics)])["datasets/hearts.md"]
    assert "dice, &#42;lesion&#42; ↑" in page


def mixing(**values: float) -> tuple[Score, ...]:
    return tuple(
        Score("embedding", None, None, None, None, name.replace("__", " "), value, 9)
        for name, value in values.items()
    )


def test_measures_of_embeddings_have_a_table_of_their_own_with_their_directions() -> None:
    records = []
    for seed, (algorithm, good) in product(
        range(3), {"combat": 1, "dann": 0, "chance": None}.items()
    ):
        scores = transfer_scores(0.5, {1: [0.5]})
        if good is not None:
            low, high = 1 + good + 0.01 * seed, 2 - good + 0.01 * seed
            scores += mixing(
                ilisi=low,
                clisi=high,
                silhouette_batch=low / 3,
                label_transfer=low / 4,
                label_transfer__CD34=0.5,
            )
        family = "bound" if algorithm == "chance" else "baseline"
        records.append(
            record(
                algorithm=algorithm,
                family=family,
                seed=seed,
                shots=(1,),
                scores=scores,
                metrics=("balanced_accuracy", *INTEGRATION),
            )
        )
    page = pages(records)["datasets/hearts.md"]
    main, section = page.split("### Integration\n")
    assert "iLISI" not in main
    section, rare = section.split("Recall of rare labels in label transfer:")
    head, _, *rows = (line for line in section.splitlines() if line.startswith("|"))
    told = ["iLISI ↑", "cLISI ↓", "Silhouette by batch ↑", "Label transfer, balanced ↑"]
    assert [cell.strip() for cell in head.split("|")[3:-1]] == told
    cells = {
        row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[3:-1]] for row in rows
    }
    assert cells["combat"][:2] == ["**2.010 ± 0.025**", "**1.010 (1.000 to 1.035)**"]
    assert cells["dann"][:2] == ["1.010 (1.000 to 1.035)", "2.010 ± 0.025"]
    assert cells["chance"] == ["–"] * 4
    assert re.search(r"\| +CD34 ↑", rare)
    assert "Korsunsky" in page


def test_an_integration_dataset_is_ranked_by_mixing_and_says_who_could_not_run() -> None:
    about = {"task": "integration", "metrics": ("ilisi", "silhouette_batch")}
    records = [
        record(
            **about,
            algorithm=algorithm,
            seed=seed,
            scores=mixing(ilisi=level + seed / 100, silhouette_batch=0.9),
        )
        for seed, (algorithm, level) in product(range(3), {"plain": 1.5, "harmony": 2.3}.items())
    ]
    records += [
        record(
            **about, algorithm="ewc", seed=seed, status="skipped", reason="it learns from labels"
        )
        for seed in range(3)
    ]
    found = pages(records)
    page = found["datasets/hearts.md"]
    assert "Which method mixes the batches of hearts best?" in page
    assert "The score is iLISI; higher is better." in page
    ranked = page.split("### Methods")[1].split("### Incomplete")[0]
    assert [line.split("|")[1].strip() for line in lines_with(ranked, "| ")][1:] == [
        "harmony",
        "plain",
    ]
    assert "it learns from labels" in lines_with(page.split("### Incomplete")[1], "| ewc")[0]
    assert "Few-shot" not in page
    assert "nan" not in page + found["README.md"]


def test_what_methods_gain_over_plain_training_has_a_table_without_itself_and_bounds() -> None:
    methods = {name: METHODS[name] for name in ("dann", "chance")}
    assert "Gain over" not in pages(suite(["hearts"], methods, seeds=2))["datasets/hearts.md"]
    page = pages(suite(["hearts"], {**methods, "fine-tune": ("baseline", 0.7)}, seeds=2))[
        "datasets/hearts.md"
    ]
    part = page.split("### Gain over plain training\n")[1].split("###")[0]
    assert [line.split("|")[1].strip() for line in lines_with(part, "|")[2:]] == ["dann"]
    assert "- **Gain**: score less that of fine-tune" in page


def test_scores_over_several_targets_have_a_table_of_their_own() -> None:
    page = pages(suite(["hearts"], seeds=2, scenarios=3))["datasets/hearts.md"]
    part = page.split("### Over targets\n")[1].split("###")[0]
    assert "k = 0 ↑" in part
    assert lines_with(part, "| dann ")[0].split("|")[2].strip() == "3"
    assert lines_with(part, "| chance ")
    assert (
        "Over targets" not in pages(suite(["hearts"], seeds=2, scenarios=2))["datasets/hearts.md"]
    )


def test_what_a_reader_must_know_of_a_dataset_stands_above_its_tables(
    whole: dict[str, str],
) -> None:
    remarks = ("Of 'c' <b>40%</b> are shared.", "'b' has no roc_auc.")
    told = [one.model_copy(update={"about": one.about.model_copy(update={"remarks": remarks})})
            for one in suite(("hearts",))]  # fmt: skip
    page = pages(told)["datasets/hearts.md"]
    above = page.split("\n## ")[0]
    assert "- 'b' has no roc" in above
    assert "<b>" not in page
    assert page.replace(above, "") == pages(suite(("hearts",)))["datasets/hearts.md"].replace(
        pages(suite(("hearts",)))["datasets/hearts.md"].split("\n## ")[0], ""
    )
