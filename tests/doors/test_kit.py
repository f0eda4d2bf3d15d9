"""The conformance kit finds nothing to say of what the plugins of these tests bring."""

import pytest

from medtl_bench.testing import checks_of


@pytest.mark.parametrize("name", ["own_metric", "own_backbone", "own_executor", "own_observers"])
def test_what_a_plugin_brings_passes(name, plugin_file):
    checks = checks_of(plugin_file(name))
    assert len(checks) > 3
    assert [told for check in checks if (told := check.problem())] == []


def test_a_protocol_passes(plugin_file):
    every = checks_of(plugin_file("at_test_time"))
    checks = [check for check in every if check.subject == "test-time"]
    assert len(checks) >= 2
    assert [check.problem() for check in checks] == [None] * len(checks)
