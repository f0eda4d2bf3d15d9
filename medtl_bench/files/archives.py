"""Reads zip, tar and gzip files that came from elsewhere into memory, within limits.

Nothing is ever unpacked to disk. Members are held against the rules of tarfile's filter
"data" (PEP 706), which Python 3.11 may lack and zip files never had.
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
from functools import partial
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
# Python unpacks the others without a bound
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
END_OF_TAR = bytes(1024)
LONGEST_PATH = 4096  # bytes that a link in a zip file may hold
SPECIAL = "device or other special file"


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most.

    `members`: files and links. `size`: bytes unpacked. `ratio`: bytes unpacked for each
    byte packed.
    """

    members: int = 50_000
    size: int = 2**30
    ratio: float = 200

    def unpacked(self, packed: int) -> int:
        """Return how many bytes so many packed ones may become."""
        # a mebibyte is no bomb whatever the ratio
        return int(min(self.size, max(self.ratio * packed, 2**20)))


@dataclass(frozen=True)
class _Member:
    """A member of an archive: a file, a link, or what is neither.

    `link`: of a link, what it leads to, from the archive's top. `kind`: what it is where
    it is neither, else "".
    """

    name: str
    size: int
    read: Callable[[], bytes]
    link: str | None = None
    kind: str = ""


USUAL = Limits()


def members(content: bytes, name: str, limits: Limits = USUAL) -> dict[str, bytes]:
    """Return the files of a zip, tar or tar.gz archive by their paths.

    Links inside it stand for what they lead to. `name`: what messages call the archive.
    Raises DataError, with the member, where one has an absolute path or `..`, is a
    device, leads out, or shares its name with another, where the archive is damaged, or
    where it goes beyond the limits.
    """
    try:
        return _members(content, name, limits)
    except _RefusedError as refusal:
        raise DataError(f"The archive {name} {refusal}.") from None
    except DAMAGE as error:
        damage = f"is damaged or no zip or tar file: {_why(error)}"
        raise DataError(f"The archive {name} {damage}.") from error


def _members(content: bytes, name: str, limits: Limits) -> dict[str, bytes]:
    if content.startswith(b"PK"):
        return _checked(_zipped(content), limits, limits.unpacked(len(content)))
    plain = gunzipped(content, name, limits) if content.startswith(b"\x1f\x8b") else content
    return _checked(_tarred(plain), limits, limits.size)


def gunzipped(content: bytes, name: str, limits: Limits = USUAL) -> bytes:
    """Return the content of a gzip file.

    Raises DataError where it is damaged or goes beyond the limits.
    """
    most = limits.unpacked(len(content))
    try:
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(most + 1)
    except DAMAGE as error:
        raise DataError(f"The file {name} is damaged or no gzip file: {_why(error)}.") from error
    if len(unpacked) > most:
        size = f"of {len(content):,} bytes unpacks to more than the {most:,} bytes allowed"
        raise DataError(f"The file {name} {size}.")
    return unpacked


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


class _RefusedError(Exception):
    """An archive, or a member of it, breaks a rule."""


def _checked(archive: Iterator[_Member], limits: Limits, most: int) -> dict[str, bytes]:
    """Look at every member before the first is unpacked, then read them."""
    listed = _listed(archive, limits.members)
    if (total := sum(member.size for member in listed.values())) > most:
        raise _RefusedError(f"unpacks to {total:,} bytes, more than the {most:,} allowed")
    files = {name: member.read() for name, member in listed.items() if member.link is None}
    links = {name: member for name, member in listed.items() if member.link is not None}
    return files | {name: _led_to(member, files) for name, member in links.items()}


def _listed(archive: Iterator[_Member], most: int) -> dict[str, _Member]:
    """Return the members by their paths, each of which is safe and stands once."""
    listed: dict[str, _Member] = {}
    by_folded: dict[str, str] = {}
    for member in archive:
        name = _safe(member)
        if len(listed) == most:
            raise _RefusedError(f"holds more than the {most:,} members allowed")
        # some systems tell neither small from capital letters nor two writings of an
        # accent
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in by_folded:
            pair = f"{by_folded[folded]!r} and {name!r}"
            raise _RefusedError(f"holds both {pair}, which some systems take for one file")
        by_folded[folded], listed[name] = name, member
    return listed


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
    """Return the file that a link leads to, or raise _RefusedError."""
    target = posixpath.normpath(member.link or "")
    link = f"the link {member.name!r} to {target!r}"
    if target.startswith(("/", "..")):
        raise _RefusedError(f"holds {link}, which leads out of it")
    if target not in files:
        raise _RefusedError(f"holds {link}, which is no file in it")
    return files[target]


def _beside(name: str, target: str) -> str:
    """Return from the archive's top what a link leads to, which is told from the link's folder."""
    return posixpath.join(posixpath.dirname(name), target)


def _zipped(content: bytes) -> Iterator[_Member]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    for info in archive.infolist():
        if not (info.is_dir() or stat.S_ISDIR(info.external_attr >> 16)):
            yield _of_zip(info, partial(archive.read, info))


def _of_zip(info: zipfile.ZipInfo, read: Callable[[], bytes]) -> _Member:
    name, mode = info.filename, info.external_attr >> 16
    if info.flag_bits & 1 or info.compress_type not in METHODS:
        raise _RefusedError(f"holds {name!r}, which is encrypted or packed with an unusual method")
    if stat.S_ISLNK(mode) and info.file_size <= LONGEST_PATH:
        target = read().decode(errors="replace")
        return _Member(name, info.file_size, read, _beside(name, target))
    usual = not stat.S_IFMT(mode) or stat.S_ISREG(mode)
    return _Member(name, info.file_size, read, kind="" if usual else SPECIAL)


def _tarred(content: bytes) -> Iterator[_Member]:
    # members are read later
    archive = tarfile.open(fileobj=io.BytesIO(content), mode="r:")  # noqa: SIM115
    for info in archive:
        if not info.isdir():
            yield _of_tar(info, archive)
    if not content.endswith(END_OF_TAR):
        raise _RefusedError("ends before its last member does")


def _of_tar(info: tarfile.TarInfo, archive: tarfile.TarFile) -> _Member:
    def read() -> bytes:
        file = archive.extractfile(info)
        return b"" if file is None else file.read()

    if info.issym():
        return _Member(info.name, 0, read, _beside(info.name, info.linkname))
    if info.islnk():
        return _Member(info.name, 0, read, info.linkname)
    return _Member(info.name, info.size, read, kind="" if info.isreg() else SPECIAL)
