"""The conformance kit over everything that is registered."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import KINDS
from medtl_bench.testing import Conformance, checks_of


def every_check() -> list[Conformance]:
    catalogue = discovery.find()
    plugins = {broken.plugin.name for broken in catalogue.broken}
    for kind in KINDS:
        plugins |= {registered.plugin.name for registered in catalogue.of(kind).values()}
    return [check for name in sorted(plugins) for check in checks_of(name)]


@pytest.mark.parametrize("check", every_check(), ids=str)
def test_registered(check: Conformance) -> None:
    check()
