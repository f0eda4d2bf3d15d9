"""What is sealed can be read with its key and name alone, and not be changed unseen."""

import pytest

from medtl_bench.running.sealed import seal, unseal

CONTENT = bytes(range(256)) * 9


def test_what_is_sealed_comes_back_and_shows_nothing() -> None:
    sealed = seal(CONTENT, "key", "name")
    assert unseal(sealed, "key", "name") == CONTENT
    assert CONTENT[:16] not in sealed
    assert seal(CONTENT, "key", "other")[32:] != sealed[32:]


@pytest.mark.parametrize(("key", "name"), [("", "name"), ("key", "other"), ("kez", "name")])
def test_another_key_or_name_opens_nothing(key: str, name: str) -> None:
    with pytest.raises(ValueError, match="was changed since it was sealed"):
        unseal(seal(CONTENT, "key", "name"), key, name)


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_changed_bit_is_noticed(place: int) -> None:
    sealed = bytearray(seal(CONTENT, "key", "name"))
    sealed[place] ^= 1
    for wrong in (bytes(sealed), bytes(sealed[:10]), b""):
        with pytest.raises(ValueError, match="was changed"):
            unseal(wrong, "key", "name")
