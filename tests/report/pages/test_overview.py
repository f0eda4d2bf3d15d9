from collections.abc import Sequence
from itertools import product

from medtl_bench.results.record import Record
from tests.boards import build, render
from tests.records import record, suite, transfer_scores
from tests.report.hostile import HOSTILE, svg_tags

THREE = ("p", "q", "r")


def readme(records: Sequence[Record]) -> str:
    return render(build(records))["README.md"]


def lines_with(page: str, start: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(start)]


def of(levels: dict[str, float], datasets: Sequence[str] = THREE, **fields: object) -> list[Record]:
    """Return two seeds of each method on each dataset, at levels that seeds do not blur."""
    return [
        record(dataset=d, algorithm=a, seed=seed, scores=transfer_scores(level), **fields)
        for d, (a, level), seed in product(datasets, levels.items(), range(2))
    ]


def test_a_method_that_lacks_a_dataset_is_ranked_where_it_met_others_on_three() -> None:
    records = of({"dann": 0.5, "ewc": 0.6}, "pqrs") + of({"maml": 0.9})
    records += of({"mixup": 0.9}, "ps")
    ranked, below = readme(records).split("Not ranked:")[:2]
    assert [cell.strip() for cell in lines_with(ranked, "| maml ")[0].split("|")[4:8]] == [
        *("1", "1 to 1", "a", "3")
    ]
    assert "2/4" in lines_with(below, "| mixup ")[0]
    assert "Ranks of 3 methods over 4 datasets of 4 origins" in ranked
    assert "**no two can be told apart**" in ranked


def test_of_a_method_in_two_libraries_one_is_ranked() -> None:
    records = of({"maml": 0.5, "dann": 0.7})
    records += of({"library-maml": 0.6}, counterpart="maml")
    records += of({"library-ewc": 0.4}, counterpart="ewc")
    ranked, below = readme(records).split("Not ranked:")[:2]
    for name in ("maml", "dann", "library-ewc"):
        assert lines_with(ranked.split("## Accuracy")[1], f"| {name} ")
    assert "3/3" in lines_with(below, "| library-maml ")[0]


def test_methods_of_equal_scores_are_one_line() -> None:
    page = readme(of({"ewc": 0.5, "fine-tune": 0.5, "dann": 0.7}))
    assert "| ewc = fine-tune " in page
    assert "Ranks of 2 methods" in page


def test_kinds_of_tasks_are_ranked_apart_and_few_origins_tell_nothing() -> None:
    records = of({"dann": 0.5, "ewc": 0.7}) + of({"dann": 0.9, "ewc": 0.7}, "st", task="regression")
    page = readme(records)
    classification, regression = page.split("### Classification")[1].split("### Regression")
    assert "Ranks of 2 methods over 3 datasets of 3 origins" in classification
    assert "These are 2 datasets of 2 origins: **nothing can be told over datasets**" in regression
    assert "| ewc " in regression


def test_datasets_of_one_origin_count_once_and_what_is_not_recorded_is_told() -> None:
    levels = {"dann": 0.5, "ewc": 0.7}
    told = [*of(levels, "pq", origin="ChEMBL"), *of(levels, "r", origin="r")]
    assert "These are 3 datasets of 2 origins" in readme(told)
    assert "do not tell whether" not in readme(told)
    page = readme([*of(levels, "pq", origin="ChEMBL"), *of(levels, "rs")])
    assert "over 4 datasets of 3 origins" in page
    assert "do not tell whether these datasets share" in page
    assert "an origin of its own: r, s." in page
    assert "an origin of its own: all of them." in readme(of(levels))


def test_methods_that_keep_rows_are_marked_and_left_out_of_a_second_ranking() -> None:
    records = of({"replay": 0.9}, keeps_data="rows")
    records += of({"dann": 0.5, "ewc": 0.7}, keeps_data="nothing")
    page = readme(records).split("## Accuracy")[1].split("\n## ")[0]
    first, second = page.split("The same among those methods that are known to keep no patients'")
    assert lines_with(first, "| replay ")[0].split("|")[3].strip() == "rows"
    assert lines_with(second, "| ewc ")[0].split("|")[4].strip() == "1"
    assert not lines_with(second, "| replay ")
    assert "is not in their records" not in page
    assert "is not in their records: all of them." in readme(of({"dann": 0.5, "ewc": 0.7}))
    none = of({"dann": 0.5, "ewc": 0.7}, keeps_data="nothing")
    assert "The same among those" not in readme(none)


def test_complete_blocks_have_a_diagram_whose_names_are_inert() -> None:
    names = ["plain", *HOSTILE[:6]]
    levels = {name: 0.3 + number / 20 for number, name in enumerate(names)}
    files = render(build(of(levels, "pqrst")))
    file, of_all = sorted(name for name in files if name.startswith("ranks/"))
    assert f"(../{file})" in files["areas/clinical.md"]
    assert svg_tags(files[file]).isdisjoint({"script", "a", "image", "text", "foreignObject"})
    assert f"({of_all})" in files["README.md"]
    assert "gives p = " in files["README.md"]
    assert "two mean ranks differ where they are" in files["README.md"]
    few = render(build(suite(THREE, seeds=2)))
    assert not [name for name in few if name.startswith("ranks/")]
