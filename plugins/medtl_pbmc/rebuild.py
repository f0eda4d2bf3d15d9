"""Rebuild the shipped file with anndata.

`python -m medtl_pbmc.rebuild scanpy-1.11.5-py3-none-any.whl`
"""

import io
from pathlib import Path

import anndata
import numpy as np

from medtl_bench.files.npz import packed
from medtl_bench.files.rebuild import origin, rebuild
from medtl_pbmc.dataset import FILE

MEMBER = "scanpy/datasets/10x_pbmc68k_reduced.h5ad"
SHA256 = "e71d41e737c941559b7c57c9243bdb3d2c889c2adfdf00e3422ac6b46783676f"


def make(path: Path) -> bytes:
    """Return the shipped file, made from scanpy's."""
    file = anndata.read_h5ad(io.BytesIO(origin(path, [MEMBER], SHA256)[0]))
    labels = file.obs["bulk_labels"].cat
    content = {
        "expression": np.rint(file.raw.X.toarray() * 1000).astype(np.uint16),
        "cell": file.obs_names.to_numpy().astype(np.str_),
        "type": labels.codes.to_numpy().astype(np.uint8),
        "types": labels.categories.to_numpy().astype(np.str_),
        "gene": file.raw.var_names.to_numpy().astype(np.str_),
    }
    return packed(content)


if __name__ == "__main__":
    rebuild(make, FILE)
