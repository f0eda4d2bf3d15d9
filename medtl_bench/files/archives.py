"""Reads zip, tar and gzip files that came from elsewhere into memory, within limits; nothing is ever unpacked to disk.

Members are held against the rules of tarfile's filter "data" (PEP 706), which Python 3.11
may lack and zip files never had.
"""

import gzip
import io
import posixpath
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from medtl_bench.errors import DataError

DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks the others without a bound
END_OF_TAR = bytes(1024)


@dataclass(frozen=True)
class Limits:
    """How many members an archive may hold, how many bytes unpacked, and how many of those for each byte packed."""

    members: int = 50_000
    size: int = 2**30
    ratio: float = 200

    def unpacked(self, packed: int) -> int:
        """Return how many bytes so many packed ones may become; a mebibyte is no bomb whatever the ratio."""
        return int(min(self.size, max(self.ratio * packed, 2**20)))


@dataclass(frozen=True)
class _Member:
    """A file, or a link where `link` names what it leads to, from the archive's top; `kind` is "" for those two."""

    name: str
    size: int
    read: Callable[[], bytes]
    link: str | None = None
    kind: str = ""


USUAL = Limits()


def members(content: bytes, name: str, limits: Limits = USUAL) -> dict[str, bytes]:
    """Return the files of a zip, tar or tar.gz archive by their paths; links inside it stand for what they lead to.

    `name`: what messages call the archive. Raises DataError, with the member, where one
    has an absolute path or `..`, is a device, leads out, or shares its name with another,
    where the archive is damaged, or where it goes beyond the limits.
    """
    try:
        if content.startswith(b"PK"):
            return _checked(_zipped(content), limits, limits.unpacked(len(content)))
        plain = gunzipped(content, name, limits) if content.startswith(b"\x1f\x8b") else content
        return _checked(_tarred(plain), limits, limits.size)
    except _RefusedError as refusal:
        raise DataError(f"The archive {name} {refusal}.") from None
    except DAMAGE as error:
        raise DataError(
            f"The archive {name} is damaged or no zip or tar file: {_why(error)}."
        ) from error


def gunzipped(content: bytes, name: str, limits: Limits = USUAL) -> bytes:
    """Return the content of a gzip file.

    Raises DataError where it is damaged or goes beyond the limits.
    """
    most = limits.unpacked(len(content))
    try:
        found = gzip.GzipFile(fileobj=io.BytesIO(content)).read(most + 1)
    except DAMAGE as error:
        raise DataError(f"The file {name} is damaged or no gzip file: {_why(error)}.") from error
    if len(found) > most:
        raise DataError(
            f"The file {name} of {len(content):,} bytes unpacks to more than the {most:,} bytes allowed."
        )
    return found


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


class _RefusedError(Exception):
    """An archive, or a member of it, breaks a rule."""


def _checked(found: Iterator[_Member], limits: Limits, most: int) -> dict[str, bytes]:
    """Look at every member before the first is unpacked, then read them."""
    seen: dict[str, str] = {}
    kept: list[_Member] = []
    for member in found:
        name = _safe(member)
        if len(kept) == limits.members:
            raise _RefusedError(f"holds more than the {limits.members:,} members allowed")
        if (folded := unicodedata.normalize("NFC", name).casefold()) in seen:
            raise _RefusedError(
                f"holds both {seen[folded]!r} and {name!r}, which some systems take for one file"
            )
        seen[folded] = name
        kept.append(member)
    if (total := sum(member.size for member in kept)) > most:
        raise _RefusedError(f"unpacks to {total:,} bytes, more than the {most:,} allowed")
    files = {
        posixpath.normpath(member.name): member.read() for member in kept if member.link is None
    }
    return files | {
        posixpath.normpath(m.name): _led_to(m, files) for m in kept if m.link is not None
    }


def _safe(member: _Member) -> str:
    """Return a member's path, without needless dots.

    Raises _RefusedError where it could be written elsewhere.
    """
    if member.kind:
        raise _RefusedError(f"holds {member.name!r}, which is a {member.kind}")
    for path in (PurePosixPath(member.name), PureWindowsPath(member.name)):
        if path.anchor or path.drive:
            raise _RefusedError(f"holds {member.name!r}, which is an absolute path")
        if ".." in path.parts:
            raise _RefusedError(f"holds {member.name!r}, which leads out of it")
    return posixpath.normpath(member.name)


def _led_to(member: _Member, files: dict[str, bytes]) -> bytes:
    target = posixpath.normpath(member.link or "")
    if target.startswith(("/", "..")):
        raise _RefusedError(f"holds the link {member.name!r} to {target!r}, which leads out of it")
    if target not in files:
        raise _RefusedError(f"holds the link {member.name!r} to {target!r}, which is no file in it")
    return files[target]


def _zipped(content: bytes) -> Iterator[_Member]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    for info in archive.infolist():
        mode = info.external_attr >> 16
        if info.is_dir() or stat.S_ISDIR(mode):
            continue
        if info.flag_bits & 1 or info.compress_type not in METHODS:
            raise _RefusedError(
                f"holds {info.filename!r}, which is encrypted or packed with an unusual method"
            )

        def read(info: zipfile.ZipInfo = info) -> bytes:
            return archive.read(info)

        usual = not stat.S_IFMT(mode) or stat.S_ISREG(mode)
        if stat.S_ISLNK(mode) and info.file_size <= 4096:
            target = read().decode(errors="replace")
            yield _Member(
                info.filename,
                info.file_size,
                read,
                posixpath.join(posixpath.dirname(info.filename), target),
            )
        else:
            yield _Member(
                info.filename,
                info.file_size,
                read,
                kind="" if usual else "device or other special file",
            )


def _tarred(content: bytes) -> Iterator[_Member]:
    # members are read later
    archive = tarfile.open(fileobj=io.BytesIO(content), mode="r:")  # noqa: SIM115
    for info in archive:
        if info.isdir():
            continue

        def read(info: tarfile.TarInfo = info) -> bytes:
            file = archive.extractfile(info)
            return b"" if file is None else file.read()

        if info.issym():
            yield _Member(
                info.name, 0, read, posixpath.join(posixpath.dirname(info.name), info.linkname)
            )
        elif info.islnk():
            yield _Member(info.name, 0, read, info.linkname)
        else:
            yield _Member(
                info.name,
                info.size,
                read,
                kind="" if info.isreg() else "device or other special file",
            )
    if not content.endswith(END_OF_TAR):
        raise _RefusedError("ends before its last member does")
