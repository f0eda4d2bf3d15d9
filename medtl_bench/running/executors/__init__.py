"""Where jobs run.

An executor is a function over jobs: it yields each with its reply, in the order in which
they end.
"""

from collections.abc import Callable, Iterable, Iterator

from medtl_bench.running.messages import Job, Reply

Executor = Callable[[Iterable[Job]], Iterator[tuple[Job, Reply]]]
