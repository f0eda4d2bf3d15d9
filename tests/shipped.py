"""What tests of shipped files share: the wheel one was made from, and one that was changed."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from medtl_bench.errors import IntegrityError


def origin(wheel: str) -> Path:
    """Return a wheel in the folder that MEDTL_BENCH_ORIGINS names; skip where it is not."""
    path = Path(os.environ.get("MEDTL_BENCH_ORIGINS", "")) / wheel
    if not path.is_file():
        pytest.skip(f"MEDTL_BENCH_ORIGINS does not name a folder with {wheel}")
    return path


def replaced(
    module: ModuleType, content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a module's FILE hold other bytes."""
    path = folder / module.FILE.name
    path.write_bytes(content)
    monkeypatch.setattr(module, "FILE", path)


def assert_refused(build: Callable[[], object], name: str) -> None:
    """Assert that a build refuses its file in one sentence."""
    message = rf"{re.escape(name)} is not as it was published"
    with pytest.raises(IntegrityError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
