"""An h5ad file: opened without loading its matrices, and the one that is asked for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from medtl_bench.errors import DataError, NotInstalledError, unknown
from medtl_bench.files.paths import is_there, local, own_name
from medtl_h5ad.request import meant

if TYPE_CHECKING:
    from anndata import AnnData

RAW, X = "raw", "X"
GZIP, HDF5 = b"\x1f\x8b", b"\x89HDF\r\n\x1a\n"
REASON_CHARACTERS = 200


@contextmanager
def opened(path: str) -> "Iterator[AnnData]":
    """Give an h5ad file with its table of cells, whose matrices are read where they are used.

    HDF5 has arrays and text only: no pickled object is ever loaded. Raises DataError if
    the file is not there or cannot be read, NotInstalledError without anndata.
    """
    if find_spec("anndata") is None:
        raise NotInstalledError("anndata is not installed: pip install medtl-bench[cells]")
    from anndata import read_h5ad  # noqa: PLC0415 - an extra

    _check_kind(path)
    _check_content(path)
    with _told(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata warns of every older form of the format
        file = read_h5ad(local(path), backed="r")
    try:
        yield file
    finally:
        file.file.close()


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Raise DataError for whatever anndata and h5py meet in a damaged file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        message = " ".join(str(error).split()).replace(str(local(path)), own_name(path))
        raise DataError(
            f"The file {own_name(path)} cannot be read as h5ad: {type(error).__name__}: "
            f"{message[:REASON_CHARACTERS]}."
        ) from error


def _check_kind(path: str) -> None:
    """Raise DataError where there is no file, or one of another kind."""
    file, name = local(path), own_name(path)
    if not is_there(path):
        raise DataError(f"There is no file {path!r}{_near(path, file)}")
    if file.is_dir():
        raise DataError(
            f"{name} is a folder, and only h5ad files are read; a zarr store becomes one by "
            "anndata.io.read_zarr(store).write_h5ad(file)."
        )
    with _told(path), file.open("rb") as content:
        start = content.read(len(HDF5))
    if start.startswith(GZIP):
        raise DataError(f"The file {name} is compressed with gzip: unpack it with gunzip first.")
    if start != HDF5:
        what = "is empty" if not start else "is no HDF5 file"
        raise DataError(f"The file {name} cannot be read as h5ad: it {what}.")


def _check_content(path: str) -> None:
    """Raise DataError where an HDF5 file is of another format."""
    import h5py  # noqa: PLC0415 - comes with anndata

    with _told(path), h5py.File(local(path)) as content:
        if "obs" not in content:
            holds = ", ".join(content) or "nothing"
            raise DataError(
                f"The file {own_name(path)} is HDF5, but no h5ad file: it has no table of cells "
                f"(obs); it holds {holds}."
            )


def _near(path: str, file: Path) -> str:
    """Return, as the end of a sentence, which files in the folder of a path may be meant."""
    folder = path.removesuffix(file.name)
    beside = sorted(other.name for other in local(folder or ".").glob("*.h5ad"))
    near = [repr(folder + name) for name in get_close_matches(file.name, beside)]
    return f"; did you mean {' or '.join(near)}?" if near else "."


def counts(file: "AnnData", path: str, layer: str) -> tuple[sparse.csr_array, str]:
    """Return a matrix [cells, genes] without stored zeros, and its name: X, a layer's, or "raw".

    Raises MedTLError with near matches where the file has none of that name, DataError where
    it does not hold finite numbers.
    """
    name = _named(file, path, layer)
    with _told(path):
        rows = in_memory(_matrix(file, name))
    if rows.dtype.kind not in "biuf":
        raise DataError(f"The matrix {name} of {own_name(path)} holds {rows.dtype}, no numbers.")
    rows = rows.astype(np.float64)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    if wrong := np.count_nonzero(~np.isfinite(rows.data)):
        raise DataError(
            f"The matrix {name} of {own_name(path)} holds {wrong} values that are NaN or infinite."
        )
    return rows, name


def _named(file: "AnnData", path: str, typed: str) -> str:
    """Return the name of the matrix that is asked for; a layer may be called raw or X."""
    there = list(file.layers) + [RAW] * (file.raw is not None) + [X] * has_x(file)
    name = meant(typed, there) if typed else X
    if name in there:
        return name
    if not typed:
        how = f"it has {', '.join(there)}, one of which &layer= names" if there else "nor a layer"
        raise DataError(f"The file {own_name(path)} has no matrix X; {how}.")
    raise unknown(f"layer of {own_name(path)}", name, there)


def has_x(file: "AnnData") -> bool:
    """Return whether a file has the matrix X."""
    try:
        return file.X is not None
    except KeyError:
        return False


# anndata hands over whichever matrix the file holds, dense or sparse, loaded or not
def _matrix(file: "AnnData", name: str) -> Any:  # noqa: ANN401
    if name in file.layers:
        return file.layers[name]
    return file.raw.X if name == RAW else file.X


def in_memory(matrix: Any) -> sparse.csr_array:  # noqa: ANN401 - as above
    """Return a matrix of whatever form as a sparse one."""
    if hasattr(matrix, "to_memory"):
        matrix = matrix.to_memory()
    if sparse.issparse(matrix):
        loaded: Any = matrix
        loaded.check_format(full_check=True)  # no index leads out of it
    else:
        loaded = np.asarray(matrix)
        loaded = loaded.astype(np.float32) if loaded.dtype == np.float16 else loaded
    return sparse.csr_array(loaded)


def layers_of_counts(file: "AnnData") -> list[str]:
    """Return the names of the other matrices of a file that hold counts."""
    names = [*file.layers, *[RAW] * (file.raw is not None)]
    return [name for name in names if are_counts(in_memory(_matrix(file, name)).data)]


def are_counts(values: Any) -> bool:  # noqa: ANN401 - of any type of number
    """Return whether values are whole numbers that are not negative."""
    if values.dtype.kind not in "biuf":
        return False
    return bool((values >= 0).all() and (values == np.rint(values)).all())
