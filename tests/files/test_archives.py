"""Archives: what is sound is read into memory; what is damaged, too large or astray is told."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl_bench.errors import DataError
from medtl_bench.files.archives import Limits, gunzipped, members

FILES = {"a.txt": b"first", "folder/b.txt": b"second" * 100, "folder/empty": b""}
NOISE = bytes((i * i * 31 + i // 7) % 256 for i in range(4000))


def zipped(
    files: Sequence[tuple[str, bytes]] = tuple(FILES.items()),
    mode: int = 0,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(
    files: Sequence[tuple[str, bytes]] = tuple(FILES.items()), mode: str = "w", **fields: object
) -> bytes:
    """Return a tar of files; `fields` are set on the header of the last."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for number, (name, content) in enumerate(files, 1):
            info = tarfile.TarInfo(name)
            for field, value in fields.items() if number == len(files) else ():
                setattr(info, field, value)
            info.size = len(content) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tarred_gz(files: Sequence[tuple[str, bytes]] = tuple(FILES.items()), **fields: object) -> bytes:
    return gzip.compress(tarred(files, **fields))


MAKERS = {"zip": zipped, "tar": tarred, "tar.gz": tarred_gz}
every_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def refused(content: bytes, limits: Limits = Limits()) -> str:  # noqa: B008 - it is frozen
    with pytest.raises(DataError) as caught:
        members(content, "x.zip", limits)
    told = str(caught.value)
    assert told.startswith(("The archive x.zip ", "The file x.zip "))
    assert "\n" not in told
    assert told.endswith(".")
    return told


@every_kind
def test_files_are_read_by_their_paths(make: Callable[..., bytes]) -> None:
    assert members(make(), "x") == FILES


def test_folders_are_no_files() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("folder")
        archive.writestr("./folder/a", b"1")
    assert members(buffer.getvalue(), "x") == {"folder/a": b"1"}
    assert members(tarred([("a", b"1"), ("folder", b"")], type=tarfile.DIRTYPE), "x") == {"a": b"1"}


@every_kind
@pytest.mark.parametrize(
    "name", ["../a", "b/../../a", "/etc/a", "C:\\a", "..\\a", "\\\\host\\a", "c:a"]
)
def test_a_path_that_leads_elsewhere_is_refused(make: Callable[..., bytes], name: str) -> None:
    told = refused(make([("good", b"1"), (name, b"2")]))
    assert repr(name) in told
    assert "absolute path" in told or "leads out" in told


@every_kind
@pytest.mark.parametrize(
    ("one", "two"), [("a", "a"), ("a/B.png", "a/b.png"), ("a", "./a"), ("\u00e9", "e\u0301")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(make: Callable[..., bytes], one: str, two: str) -> None:
    assert "take for one file" in refused(make([(one, b"1"), (two, b"2")]))


def test_devices_and_pipes_are_refused() -> None:
    for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
        assert "holds 'dev', which is a device" in refused(
            tarred([("a", b"1"), ("dev", b"")], type=kind)
        )
    for mode in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO):
        assert "holds 'dev', which is a device" in refused(
            zipped([("dev", b"")], mode=mode | 0o644)
        )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "../x/../../b"])
def test_a_link_that_leads_out_is_refused(kind: bytes, target: str) -> None:
    assert "which leads out of it" in refused(
        tarred([("d/a", b"1"), ("d/link", b"")], type=kind, linkname=target)
    )


def test_a_link_that_stays_inside_stands_for_its_file() -> None:
    soft = tarred([("d/a", b"1"), ("d/link", b"")], type=tarfile.SYMTYPE, linkname="../d/a")
    hard = tarred([("d/a", b"1"), ("d/link", b"")], type=tarfile.LNKTYPE, linkname="d/a")
    assert members(soft, "x") == members(hard, "x") == {"d/a": b"1", "d/link": b"1"}


def test_a_link_to_nothing_or_to_itself_is_refused() -> None:
    for target in ("gone", "link"):
        assert "which is no file in it" in refused(
            tarred([("link", b"")], type=tarfile.SYMTYPE, linkname=target)
        )


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../b"])
def test_a_link_in_a_zip_that_leads_out_is_refused(target: bytes) -> None:
    assert "which leads out of it" in refused(zipped([("a", target)], mode=stat.S_IFLNK | 0o777))


@every_kind
def test_more_members_than_allowed_are_refused(make: Callable[..., bytes]) -> None:
    assert "holds more than the 2 members allowed" in refused(make(), Limits(members=2))
    assert len(members(make(), "x", Limits(members=3))) == 3


@every_kind
def test_more_bytes_than_allowed_are_refused(make: Callable[..., bytes]) -> None:
    assert "more than the" in refused(make(), Limits(size=600))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = zipped([(f"{i}", bytes(2**22)) for i in range(10)])
    assert "unpacks to 41,943,040 bytes, more than the" in refused(bomb)
    told = refused(gzip.compress(bytes(2**25)))
    assert "33,554,432" not in told  # it was not unpacked to be measured
    assert "bytes unpacks to more than the" in told


def test_a_zip_that_lies_about_a_size_is_refused() -> None:
    honest = zipped([("a", bytes(2**16))])
    assert "is damaged" in refused(
        honest.replace((2**16).to_bytes(4, "little"), (16).to_bytes(4, "little"))
    )


def test_a_sparse_tar_counts_as_what_it_unpacks_to() -> None:
    told = refused(
        tarred(
            [("hole", b"")],
            pax_headers={"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,0"},
            type=b"0",
        )
    )
    assert "unpacks to 1,099,511,627,776 bytes" in told


def test_an_encrypted_or_unusually_packed_zip_is_refused() -> None:
    assert "unusual method" in refused(zipped(method=zipfile.ZIP_BZIP2))
    locked = bytearray(zipped([("a", b"1")]))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(locked))


@every_kind
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_archive_is_refused(make: Callable[..., bytes], share: float) -> None:
    # a tar's padding may go
    whole = make([("a", NOISE), ("b", NOISE[::-1]), ("c", NOISE)]).rstrip(b"\0")
    refused(whole[: int(share * len(whole))])


def test_a_tar_cut_between_two_members_is_refused() -> None:
    assert "ends before its last member does" in refused(tarred([("a", b"1"), ("b", b"2")])[:1024])


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x1f\x8b", b"<html>not found</html>", bytes(100), NOISE]
)
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    assert "damaged or no " in refused(content)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(MAKERS)), st.data())
def test_a_corrupt_archive_is_whole_or_one_sentence(kind: str, data: st.DataObject) -> None:
    content = bytearray(MAKERS[kind]([("a", NOISE[:300]), ("d/b", NOISE[300:400])]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DataError):
        assert all(isinstance(one, bytes) for one in members(bytes(content), "x.zip").values())


def test_a_gzip_file_is_unpacked_within_the_limits() -> None:
    assert gunzipped(gzip.compress(NOISE), "x.gz") == NOISE
    assert gunzipped(gzip.compress(NOISE) + gzip.compress(b"more"), "x.gz") == NOISE + b"more"
    with pytest.raises(
        DataError, match=r"^The file x\.gz of .* unpacks to more than the 100 bytes allowed\.$"
    ):
        gunzipped(gzip.compress(NOISE), "x.gz", Limits(size=100))
    for bad in (gzip.compress(NOISE)[:-20], gzip.compress(NOISE)[:-4] + b"0000", b"plain"):
        with pytest.raises(DataError, match=r"^The file x\.gz is damaged or no gzip file: "):
            gunzipped(bad, "x.gz")
