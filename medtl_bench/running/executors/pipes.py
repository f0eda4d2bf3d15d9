"""Pipes from a process that is not trusted: read without waiting, and within bounds."""

import os
from dataclasses import dataclass, field

CHUNK = 2**16  # bytes
MOST_CHUNKS = 256  # at a time, so that a process that floods a pipe does not hold its reader


@dataclass
class Pipe:
    """The end of a pipe that is read; the bytes past `most` are counted, not kept.

    `latest`: keep the last bytes instead of the first.
    """

    descriptor: int
    most: int
    latest: bool = False
    open: bool = True
    size: int = 0
    content: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """Never wait for what has not been written yet."""
        os.set_blocking(self.descriptor, False)

    def read(self) -> None:
        """Take what is there; at the end of the pipe it is closed."""
        for _ in range(MOST_CHUNKS):
            if not self.open:
                return
            try:
                chunk = os.read(self.descriptor, CHUNK)
            except BlockingIOError:
                return
            self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        if not chunk:
            self.close()
        self.size += len(chunk)
        if self.latest:
            self.content = (self.content + chunk)[-self.most :]
        else:
            self.content += chunk[: self.most - len(self.content)]

    @property
    def flooded(self) -> bool:
        """Return whether more was written than may be."""
        return self.size > self.most

    def close(self) -> None:
        """Read no more."""
        if self.open:
            self.open = False
            os.close(self.descriptor)
