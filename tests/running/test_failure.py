"""Failures: a reason of one line, and a log that names no folder of the machine."""

import re

import numpy as np
import pytest

from medtl_bench.errors import DataError
from medtl_bench.results.record import Outcome
from medtl_bench.running import failure


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("odd"), "ValueError: odd"),
        (DataError("Dataset 'x' is odd."), "Dataset 'x' is odd."),
        (KeyError("weight"), "KeyError: 'weight'"),
        (MemoryError(), "It ran out of memory: the limit was reached"),
        (
            np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f8")),
            "It ran out of memory: Unable to allocate 8.00 TiB",
        ),
        (
            RuntimeError(
                "[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried\nmore"
            ),
            "It ran out of memory: ",
        ),
        (RuntimeError("std::bad_alloc"), "It ran out of memory: std::bad_alloc"),
    ],
)
def test_a_reason_is_one_line(error, told):
    assert failure.reason(error).startswith(told)
    assert "\n" not in failure.reason(error)


def test_a_reason_of_many_lines_becomes_one_and_not_endless():
    assert (
        failure.reason(RuntimeError("sizes differ\n  here: 3\n  there: 4"))
        == "RuntimeError: sizes differ here: 3 there: 4"
    )
    assert len(failure.reason(ValueError("x" * 10**6))) < 1000


def test_a_log_names_files_from_their_package_on(trial, plugin_file) -> None:
    log = trial("raises").outcome.log
    assert 'File "medtl_bench/running/trial.py"' in log
    assert 'File "hostile.py"' in log
    assert "raise ValueError" in log
    assert not re.search(r'File "/', log)


def test_the_files_of_causes_are_named_so_too() -> None:
    try:
        try:
            failure.reason(None, None)
        except TypeError as error:
            raise DataError("It broke.") from error
    except DataError as error:
        log = failure.failed(error, 0.0).log
    assert "direct cause" in log
    assert not re.search(r'File "/', log)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("There is no file /home/ada/study/a b.csv.", "There is no file a b.csv."),
        ("[Errno 2] No such file: '/data/x.h5ad'", "[Errno 2] No such file: 'x.h5ad'"),
        ('File "/home/ada/lib/method.py", line 3', 'File "method.py", line 3'),
        ("dist (/home/ada/plugin.py) raised", "dist (plugin.py) raised"),
        ("name = /home/ada/x.h5, errno = 2", "name = x.h5, errno = 2"),
        ("'table:/home/ada/x.csv?a=1' ~/data/y.csv", "'table:x.csv?a=1' y.csv"),
        ("file:///home/ada/x.csv", "x.csv"),
        ("see https://example.org/a/b.html", "see https://example.org/a/b.html"),
        ("1/2 or true/false/none, 3 m/s", "1/2 or true/false/none, 3 m/s"),
        ('File "medtl_bench/running/trial.py"', 'File "medtl_bench/running/trial.py"'),
    ],
)
def test_no_folder_reaches_a_record(text, told):
    outcome = Outcome(status="failed", reason=text, log=f"{text}\n{text}")
    published = failure.publishable(outcome)
    assert (published.reason, published.log) == (told, f"{told}\n{told}")
