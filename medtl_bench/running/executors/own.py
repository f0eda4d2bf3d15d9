"""Imported by the fork server before all else: makes it a server of this run alone.

It leaves the terminal's group, whose Ctrl-C is for the run to hear, and becomes the parent of
what a keeper leaves that was killed.
"""

import os
import signal
import warnings

from medtl_bench.running.executors import private, tree
from medtl_bench.running.interrupts import SIGNALS

os.setsid()
tree.adopt_orphans()
# the server tells of every process that it collects and did not start
warnings.filterwarnings("ignore", "forkserver: waitpid returned unexpected pid")

# blocked by the process that started this one; what has come since is let go
for _number in SIGNALS:
    _before = signal.signal(_number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {_number})
    signal.signal(_number, _before)

private.possible()  # is found out once, and known to every fork
