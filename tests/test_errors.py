"""Errors are sentences with near matches and exit codes."""

import pytest

from medtl_bench.errors import DataError, IntegrityError, InvalidOutputError, MedTLError, unknown


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("dan", ["dann", "maml"], "There is no method named 'dan'; did you mean 'dann'?"),
        (
            "alpha",
            ["alpha1", "alpha2"],
            "There is no method named 'alpha'; did you mean 'alpha2' or 'alpha1'?",
        ),
        ("zzz", ["maml", "dann"], "There is no method named 'zzz'; known are: dann, maml."),
        ("x", [], "There is no method named 'x'; known are: none."),
        ("", iter(["a"]), "There is no method named ''; known are: a."),
    ],
)
def test_an_unknown_name_gets_near_matches_or_all(name, known, told):
    assert str(unknown("method", name, known)) == told


def test_every_error_of_this_project_has_an_exit_code():
    errors = (MedTLError, DataError, InvalidOutputError, IntegrityError)
    assert [error.exit_code for error in errors] == [2, 2, 2, 3]
    assert all(
        issubclass(cls, MedTLError) for cls in (DataError, InvalidOutputError, IntegrityError)
    )
