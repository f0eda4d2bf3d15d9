"""Files are written at once or not at all."""

import pytest

from medtl_bench.errors import IntegrityError
from medtl_bench.files.atomic import write_atomically


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        IntegrityError, match=r"Could not write .*file/results/x.json \(2 bytes\): .+\."
    ) as raised:
        write_atomically(tmp_path / "file" / "results" / "x.json", "hi")
    assert raised.value.exit_code == 3


def test_a_written_file_can_be_read_by_others_and_has_its_bytes(tmp_path):
    path = tmp_path / "deep" / "a b – ü.md"
    write_atomically(path, "ü\r\n")
    assert path.read_bytes() == "ü\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
