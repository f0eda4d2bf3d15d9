"""Names made from identities: pinned, for splits of published data were drawn by them."""

from medtl_bench.hashing import hashed


def test_an_identity_has_one_name_in_every_version():
    first = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hashed("abc") == first  # SHA-256 of "abc", FIPS 180-2, appendix B.1


def test_where_parts_end_counts():
    assert len({hashed("ab", "c"), hashed("a", "bc"), hashed("abc"), hashed("abc", "")}) == 4


def test_numbers_are_read_as_they_are_written():
    assert hashed("seed", 3) == hashed("seed", "3")
