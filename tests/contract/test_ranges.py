"""What may be searched of a hyper-parameter, beside its default."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.contract.algorithm import Algorithm, parameters, resolve
from medtl_bench.contract.ranges import Choices, Range
from medtl_bench.errors import MedTLError
from tests.plugins_for_tests.tiny import Column

FIRST_PARTY = sorted(discovery.own().algorithms)


@dataclass
class Ranged(Column):
    noise: Annotated[float, Range(0.01, 10, log=True)] = 0.1
    kernel: Annotated[str, Choices(("linear", "rbf"))] = "rbf"
    plain: float = 1.0


def test_a_range_stands_beside_the_type_and_changes_neither_it_nor_the_default():
    found = parameters(Ranged)
    assert found["noise"].space == Range(0.01, 10, log=True)
    assert found["kernel"].space == Choices(("linear", "rbf"))
    assert found["plain"].space is None
    assert (found["noise"].type, found["noise"].type_name) == (float, "float")
    assert resolve(Ranged, "ranged", {"noise": "5"}) == {
        "column": 0, "noise": 5.0, "kernel": "rbf", "plain": 1.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("space", "shares"),
    [
        (Range(0.01, 10, log=True), {0.0: 0.01, 0.5: 0.316, 1 - 1e-12: 10.0}),
        (Range(-1, 1), {0.0: -1.0, 0.5: 0.0, 0.12345: -0.753}),
        (Choices(("a", "b", "c")), {0.0: "a", 0.34: "b", 0.999: "c"}),
    ],
)
def test_a_share_of_a_space_is_a_value_of_it(space, shares):
    assert {share: space.at(share) for share in shares} == shares
    assert all(space.holds(value) for value in shares.values())


def test_whole_numbers_are_drawn_up_to_both_ends():
    drawn = [Range(1, 50, log=True).at(share / 1000, whole=True) for share in range(1000)]
    assert {type(value) for value in drawn} == {int}
    assert (min(drawn), max(drawn)) == (1, 50)
    assert drawn == sorted(drawn)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Range(1, 1), "to a larger one, but got 1 to 1"),
        (lambda: Range(0, 1, log=True), "on a log scale lies above 0, but got 0 to 1"),
        (lambda: Choices(("a",)), "two values or more, but got"),
    ],
)
def test_what_nothing_can_be_drawn_from_is_refused(make, told):
    with pytest.raises(MedTLError, match=told):
        make()


def test_a_default_that_is_not_in_its_range_is_refused():
    @dataclass
    class Beyond(Column):
        noise: Annotated[float, Range(0.5, 1)] = 0.1

    with pytest.raises(MedTLError, match=r"'noise' of Beyond, 0.1, is not among .* 0.5 to 1"):
        parameters(Beyond)


@pytest.mark.parametrize("name", FIRST_PARTY)
def test_the_ranges_of_our_own_methods_hold_their_defaults(name):
    cls = discovery.own().algorithm(name)
    assert issubclass(cls, Algorithm)
    ranged = [one for one in parameters(cls).values() if one.space is not None]
    assert all(one.space.holds(one.default) for one in ranged)
