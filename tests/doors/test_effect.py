"""A known effect comes as a plugin, and stands on a page of its own."""

from medtl_bench.testing import checks_of

PLUGIN = """
from medtl_bench.contract.hooks import EffectEntry, hookimpl

@hookimpl
def medtl_effects():
    return [
        EffectEntry("columns-tell", "A column tells.", "tiny", "target 0", ("column",), {lower!r})
    ]
"""


def test_it_is_told_on_the_page_of_controls(medtl, plugins, tmp_path):
    file = tmp_path / "knows.py"
    file.write_text(PLUGIN.format(lower=("chance",)))
    words = (*plugins("tiny", "hostile"), "--plugin", file)
    usual = ("-d", "tiny", "-a", "column", "-a", "chance", "--preset", "smoke", "--seeds", 2)
    out = tmp_path / "out"
    assert medtl("run", *words, *usual, "--on", "in-process", "--out", out).code == 0
    page = (out / "controls.md").read_text()
    assert "A column tells." in page
    assert "target 0: column less chance, at least 0.00" in page


def test_one_that_names_what_is_not_registered_fails_the_kit(tmp_path):
    file = tmp_path / "knows.py"
    file.write_text(PLUGIN.format(lower=("chanse",)))
    (problem,) = [told for check in checks_of(str(file)) if (told := check.problem())]
    assert "'tiny'" in problem
    file.write_text(PLUGIN.format(lower=("chanse",)).replace('"tiny"', '"heart-disease"'))
    (problem,) = [told for check in checks_of(str(file)) if (told := check.problem())]
    assert "column" in problem
