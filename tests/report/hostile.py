"""Names that a plugin or a result file may bring, each of which once broke some tool."""

import xml.etree.ElementTree as ET

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "javascript:alert(1)",
    "https://evil.example/?q=1",
    "www.evil.example",
    "<https://evil.example>",
    "a | b || c",
    "a\nb\r\n\n# heading",
    "line\u2028separator",
    "=cmd()",
    "+1+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe\u202c",
    "\u200bzero\ufeffwidth",
    "`code` ``` ~~~",
    "**bold** _under_ __init__ *x* ~~gone~~",
    "![picture](x.png)",
    "&lt;b&gt; &amp; &#124;",
    "back\\slash \\| \\",
    "$\\frac{1}{$ $x^2$",
    "_underscore",
    "../../etc/passwd",
    "CON",
    "nul",
    "",
    " ",
    ".",
    "名前 αβγ 🧬",
    'quote" and, comma',
    "%s {0} {name}",
    "x" * 1_000_000,
)


def svg_tags(svg: str | bytes) -> set[str]:
    """Return the names of the elements of a well-formed SVG."""
    # we have just drawn it
    return {element.tag.split("}")[1] for element in ET.fromstring(svg).iter()}  # noqa: S314
