"""What is told of a machine, and what is not."""

import getpass
import platform

from medtl_bench.running import machine


def test_the_machine_is_not_named():
    told = " ".join(machine.machine().values())
    assert platform.node() not in told
    assert getpass.getuser() not in told
    assert set(machine.machine()) == {"platform", "python", "cpu"}
