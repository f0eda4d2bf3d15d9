"""Arrays kept in the cache: made once, and again when what they depend on changed or the kept file is no good."""

import numpy as np
import pytest

from medtl_bench.prepared import prepared


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path / "medtl-bench" / "prepared"


@pytest.fixture
def code(tmp_path):
    file = tmp_path / "code.py"
    file.write_text("version 1")
    return file


@pytest.fixture
def ask(code):
    """Return a function that asks for the arrays, and a list of how often they were made."""
    made = []

    def make():
        made.append(1)
        return {"x": np.arange(len(made), dtype=np.int16), "names": np.array(["a", "ü"])}

    return lambda *marks: prepared("data", marks, [code], make), made


def test_they_are_made_once_and_read_as_they_were(cache, ask):
    get, made = ask
    for _ in range(3):
        arrays = get("digest")
        assert arrays["x"].tolist() == [0]
        assert arrays["x"].dtype == np.int16
        assert arrays["names"].tolist() == ["a", "ü"]
    assert len(made) == 1
    assert len(list(cache.iterdir())) == 1


def test_another_file_or_other_code_makes_them_again(cache, ask, code):
    get, made = ask
    get("digest")
    get("another digest")
    assert len(made) == 2
    code.write_text("version 2")
    assert get("digest")["x"].tolist() == [0, 1, 2]
    assert len(made) == 3


@pytest.mark.parametrize("damage", [lambda old: old[: len(old) // 2], lambda old: b"", lambda old: b"no archive"])
def test_a_kept_file_that_is_broken_is_made_again(cache, ask, damage):
    get, made = ask
    get("digest")
    (kept,) = cache.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert get("digest")["x"].tolist() == [0, 1]
    assert get("digest")["x"].tolist() == [0, 1]
    assert len(made) == 2


def test_a_kept_pickle_is_never_loaded(cache, ask):
    get, _ = ask
    get("digest")
    (kept,) = cache.iterdir()
    with kept.open("wb") as file:
        np.savez(file, x=np.array([{"a": 1}], dtype=object))
    assert get("digest")["x"].tolist() == [0, 1]


def test_a_cache_that_cannot_be_written_is_done_without(cache, ask):
    get, _ = ask
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    assert get("digest")["x"].tolist() == [0]
    assert get("digest")["x"].tolist() == [0, 1]
