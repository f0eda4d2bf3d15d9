"""Pages from templates, in which all that is not Safe is escaped."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import joined

FOLDER = Path(__file__).parent.parent / "pages" / "templates"


def _finalize(value: object) -> object:
    """Escape what stands between braces for Markdown, before jinja would for HTML."""
    return value if hasattr(value, "__html__") else escape_cell(str(value))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # jinja's own would escape a name that stands beside Safe text for HTML, not for Markdown
    environment.filters = {"join": joined}
    return environment


ENVIRONMENT = _environment()


def fill(template: str, **values: object) -> Safe:
    """Return a template's text with `values` filled in, without a line at its ends.

    Several blank lines, where a part is left out, become one. Raises UndefinedError where
    a value is missing.
    """
    text = ENVIRONMENT.get_template(f"{template}.md.jinja").render(values)
    return Safe(re.sub(r"\n{3,}", "\n\n", text).strip("\n"))
