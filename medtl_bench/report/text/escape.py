"""Names from plugins and result files may hold anything; here they become inert.

In Markdown, in CSV, in pictures and as file names.
"""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256

LONGEST = 80
LONGEST_FILE_NAME = 60
_MARKS = re.compile(
    r"[\\`*{}\[\]<>|~$&@!#\"]|:(?=\S)|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


class Safe(str):
    """Text that is Markdown on purpose: tables and templates escape all that is not."""

    __slots__ = ()

    def __html__(self) -> "Safe":
        """Return itself: jinja takes what has this method as it is."""
        return self


def plain(text: str, longest: int = LONGEST) -> str:
    """Return text on one line, cut at `longest` characters, all of them visible."""
    if len(text) <= longest and text.isprintable():
        return " ".join(text.split())
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    visible = (" " if c.isspace() else "" if unicodedata.category(c)[0] == "C" else c for c in cut)
    return " ".join("".join(visible).split())


def escape_cell(text: str, longest: int = LONGEST) -> Safe:
    """Return text that Markdown shows as it is.

    What could be markup, a link, HTML or a column's end becomes an entity.
    """
    return Safe(_MARKS.sub(lambda match: f"&#{ord(match[0])};", plain(text, longest)))


def csv_cell(text: str) -> str:
    """Return text for a CSV file, which no spreadsheet takes for a formula."""
    shown = plain(text, longest=10 * LONGEST)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def slug(text: str) -> str:
    """Return a file name of a-z, 0-9 and hyphens.

    Short plain names stay as they are; others are changed, with a hash of theirs.
    """
    simple = text.replace(" ", "-")
    short = len(simple) <= LONGEST_FILE_NAME and not _RESERVED.fullmatch(simple)
    if short and re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*", simple):
        return simple
    decomposed = unicodedata.normalize("NFKD", text[: 2 * LONGEST_FILE_NAME])
    ascii_text = decomposed.encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:LONGEST_FILE_NAME].strip("-")
    return f"{words or 'x'}-{_digest(text)}"


def file_names(wanted: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return a file name for each tuple of names, its slugs joined.

    Where two would be one, the later gets a hash.
    """
    names: dict[tuple[str, ...], str] = {}
    for parts in sorted(set(wanted)):
        name = "-".join(map(slug, parts))
        names[parts] = f"{name}-{_digest(repr(parts))}" if name in names.values() else name
    return names


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
