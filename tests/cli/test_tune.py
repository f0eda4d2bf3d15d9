"""`tune`: chooses hyper-parameters, runs what was chosen, and goes on where it was."""

import pytest

from medtl_bench.results.store import Store


@pytest.fixture
def tune(medtl, plugin_file, tmp_path):
    """Return a function that calls `tune` in this process on a small dataset."""

    def call(*arguments, out=tmp_path / "out"):
        named = ["-d", "tuned-tiny", "-a", "noisy", "--plugin", plugin_file("tuned")]
        options = ["--preset", "smoke", "--on", "in-process", "--seeds", "2", "--out", out]
        return medtl("tune", *named, *options, *arguments)

    return call


def test_it_tells_what_was_chosen_and_writes_boards(tune, tmp_path):
    told = tune("--draws", "4", "--protocol", "transfer", "--oracle")
    assert (told.code, told.err) == (0, "")
    assert "32 trials, 0 of them done before." in told.out
    assert "leave-one-source-out  noise=" in told.out
    page = (tmp_path / "out" / "datasets" / "tuned-tiny.md").read_text()
    assert "By leave-one-source-out, 4 draws, each judged with 2 seeds" in page
    assert (tmp_path / "out" / "datasets" / "tuned-tiny-draws.svg").is_file()


def test_more_draws_and_another_rule_go_on_from_what_was_judged(tune, tmp_path):
    assert tune("--draws", "3", "--protocol", "transfer").code == 0
    more = tune("--draws", "4", "--protocol", "transfer")
    assert "32 trials, 24 of them done before." in more.out
    other = tune("--draws", "4", "--protocol", "transfer", "--rule", "source-validation")
    assert "32 trials, 32 of them done before." in other.out
    variants = {one.about.variant for one in Store(tmp_path / "out" / "results").read()[0].values()}
    assert {"tuned by leave-one-source-out, 3 draws", "tuned by source-validation, 4 draws"} < (
        variants
    )


def test_a_sampler_draws_one_after_another_and_goes_on_where_it_was(tune, tmp_path):
    few = tune("--draws", "3", "--protocol", "transfer", "--sampler", "tpe")
    assert (few.code, few.err) == (0, "")
    more = tune("--draws", "4", "--protocol", "transfer", "--sampler", "tpe", "--oracle")
    assert more.code == 0
    assert "leave-one-source-out  noise=" in more.out
    page = (tmp_path / "out" / "datasets" / "tuned-tiny.md").read_text()
    assert "By leave-one-source-out, 4 draws by tpe, each judged with 2 seeds" in page
    assert (tmp_path / "out" / "scorers.md").is_file()
    records = Store(tmp_path / "out" / "results").read().records.values()
    drawn = {(one.about.sampler, one.about.candidate) for one in records if not one.trial.chosen}
    assert drawn == {("", 0), ("tpe", 1), ("tpe", 2), ("tpe", 3)}
    again = tune("--draws", "4", "--protocol", "transfer", "--sampler", "tpe", "--oracle")
    assert "8 trials, 8 of them done before." in again.out


def test_draws_of_two_samplers_stand_apart(tune, tmp_path):
    tune("--draws", "3", "--protocol", "transfer")
    page = tmp_path / "out" / "datasets" / "tuned-tiny.md"
    one = page.read_text().split("### Tuned without target labels")[1]
    tune("--draws", "3", "--protocol", "transfer", "--sampler", "random")
    both = page.read_text()
    line = next(line for line in one.splitlines() if line.startswith("| noisy"))
    assert line in both
    assert "3 draws by random" in both


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sampler", "tbe"], "no sampler named 'tbe'; did you mean 'tpe'?"),
        (["--rule", "source-validatoin"], "no rule named 'source-validatoin'; did you mean"),
        (["--draws", "0"], "draws must be a whole number from 1 to 200, but got 0"),
        (["-a", "nosy"], "nosy"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(tune, arguments, told):
    answer = tune(*arguments)
    assert answer.code != 0
    assert told in answer.sentence
