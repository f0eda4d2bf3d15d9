"""What templates may do, so that no name from elsewhere becomes markup."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError, nodes
from markdown_it import MarkdownIt

from medtl_bench.report.pages.template import ENVIRONMENT, FOLDER, fill
from medtl_bench.report.text.escape import Safe, plain
from tests.report.hostile import HOSTILE
from tests.report.text.test_escape import inline

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
TEMPLATES = sorted(FOLDER.glob("*.md.jinja"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_join_texts_by_nothing_that_would_escape_them_for_html(path: Path) -> None:
    tree = ENVIRONMENT.parse(path.read_text())
    forbidden = (nodes.Concat, nodes.Add, nodes.Mod, nodes.Mul, nodes.Call, nodes.MarkSafe)
    assert not list(tree.find_all(forbidden))
    assert {found.name for found in tree.find_all(nodes.Filter)} <= {"join"}
    assert not list(tree.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)))


def test_every_template_is_used() -> None:
    sources = [path.read_text() for path in Path(FOLDER).parent.parent.rglob("*.py")]
    sources += [path.read_text() for path in TEMPLATES]
    for path in TEMPLATES:
        name = path.name.removesuffix(".md.jinja")
        named = (f'"{name}"', f"'{name}'", f'"{path.name}"')
        assert any(any(text in source for text in named) for source in sources), name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_between_braces_is_shown_as_it_is(name: str) -> None:
    text = fill("scored", metric=name, direction="higher")
    tokens = PARSER.parse(text)
    kinds = {token.type for token in inline(tokens)}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    shown = "".join(token.content for token in tokens[1].children)
    assert shown == f"The score is {plain(name)}; higher is better."


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_are_joined_are_shown_as_they_are(name: str) -> None:
    text = fill("provenance", kinds=[(Safe("**Simulated** data"), [name, Safe("**bold**"), name])])
    tokens = list(inline(PARSER.parse(text)))
    assert {token.type for token in tokens}.isdisjoint({"html_block", "html_inline", "link_open"})
    assert sum(token.type == "strong_open" for token in tokens) == 2


def test_safe_text_is_taken_as_it_is_and_what_is_joined_to_it_no_more_safe() -> None:
    assert fill("scored", metric=Safe("*a*"), direction="b").startswith("The score is *a*;")
    joined = Safe("*a*") + "<i>"
    assert fill("scored", metric=joined, direction="b").startswith("The score is &#42;a&#42;&#60;i")


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="direction"):
        fill("scored", metric="a")


def test_parts_that_are_left_out_leave_one_blank_line() -> None:
    text = fill("rows", methods="", bounds="", incomplete=Safe("| a |"))
    assert text == (
        "### Methods\n\nNo row is complete yet, so none is ranked.\n\n"
        "### Incomplete, not ranked\n\n| a |"
    )
