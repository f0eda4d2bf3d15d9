import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.testing import Conformance, checks_of


def every_check() -> list[Conformance]:
    found = discovery.find()
    entries = [*found.algorithms.values(), *found.datasets.values(), *found.broken]
    return [
        check for name in sorted({one.plugin.name for one in entries}) for check in checks_of(name)
    ]


@pytest.mark.parametrize("check", every_check(), ids=str)
def test_registered(check: Conformance) -> None:
    check()
