"""Arrays that are kept: computed once, never believed when damaged, computed where none is kept."""

import numpy as np
import pytest

from medtl_bench.files import cache
from medtl_bench.files.npz import packed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "computed")
    return tmp_path / "computed"


class Counted:
    """Computes the same arrays each time and counts how often it is asked."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"bits": np.arange(6, dtype=np.uint8).reshape(2, 3), "none": np.zeros((0, 4))}


def same(found) -> bool:
    wanted = Counted()()
    return list(found) == list(wanted) and all(
        found[name].dtype == value.dtype and np.array_equal(found[name], value)
        for name, value in wanted.items()
    )


def test_arrays_are_computed_once_for_an_identity(folder):
    make = Counted()
    for _ in range(3):
        assert same(cache.arrays("molecules", ("table", "1.0"), (), make))
    assert make.times == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "other",
    [("molecules", ("table", "1.1")), ("others", ("table", "1.0")), ("molecules", ("table1.0",))],
)
def test_another_identity_is_computed_anew(other):
    make = Counted()
    cache.arrays("molecules", ("table", "1.0"), (), make)
    assert same(cache.arrays(*other, (), make))
    assert make.times == 2


def test_other_code_computes_anew(tmp_path):
    make, code = Counted(), tmp_path / "code.py"
    for version in ("1", "2", "2"):
        code.write_text(version)
        assert same(cache.arrays("molecules", ("table",), [code], make))
    assert make.times == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: b"",
        lambda kept: kept[:-1],
        lambda kept: kept[:40],
        lambda kept: kept[:70] + bytes([kept[70] ^ 1]) + kept[71:],
        lambda kept: kept[:64] + packed({"bits": np.zeros(3)}),
    ],
    ids=["empty", "cut", "cut in the digest", "one bit", "other arrays"],
)
def test_what_is_damaged_is_computed_and_kept_again(folder, damage):
    make = Counted()
    cache.arrays("molecules", ("table",), (), make)
    (path,) = folder.iterdir()
    kept = path.read_bytes()
    path.write_bytes(damage(kept))
    assert same(cache.arrays("molecules", ("table",), (), make))
    assert (make.times, path.read_bytes()) == (2, kept)


def test_a_folder_that_cannot_be_written_is_done_without(folder):
    folder.write_text("a file stands where the folder should be")
    make = Counted()
    for _ in range(2):
        assert same(cache.arrays("molecules", ("table",), (), make))
    assert make.times == 2


def test_a_write_that_fails_leaves_nothing_behind(folder, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(cache.Path, "replace", full)
    assert same(cache.arrays("molecules", ("table",), (), Counted()))
    assert list(folder.iterdir()) == []


def test_an_error_of_the_computation_is_not_kept(folder):
    def broken():
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        cache.arrays("molecules", ("table",), (), broken)
    assert not folder.exists()
