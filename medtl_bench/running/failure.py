"""What became of a trial that raised an error, in words that may be published."""

import re
import sys
import traceback
from pathlib import Path

from medtl_bench.errors import MedTLError
from medtl_bench.results.record import Outcome
from medtl_bench.running.machine import peak_memory

LOG_CHARACTERS = 4000
REASON_CHARACTERS = 500
# of a path from the root or home on, in quotes or not; no address of the web, no fraction
FOLDERS = re.compile(r"(?:file://|(?<![\w/.~])~?)/(?:[^\s/'\"<>|:;,()\[\]{}]+/)+")
OUT_OF_MEMORY = ("can't allocate memory", "std::bad_alloc")


def failed(error: BaseException, seconds: float) -> Outcome:
    """Return the outcome of a trial that raised an error after so many seconds."""
    log = storable(_traceback(error)[-LOG_CHARACTERS:])
    total = {"total": round(seconds, 4)}
    return Outcome(
        status="failed",
        reason=storable(reason(error)),
        log=log,
        seconds=total,
        peak_memory=peak_memory(),
    )


def reason(error: BaseException) -> str:
    """Return an error as one line; a mistake told by this project needs no type name."""
    text = " ".join(str(error).split())[:REASON_CHARACTERS]
    if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
        return f"It ran out of memory: {text or 'the limit was reached'}"
    return text if isinstance(error, MedTLError) else f"{type(error).__name__}: {text}"


def _traceback(error: BaseException) -> str:
    """Return an error's traceback with files named from their package on.

    Results are published, and whole paths would tell too much.
    """
    modules = _modules()
    whole = traceback.TracebackException.from_exception(error)
    left: list[traceback.TracebackException | None] = [whole]
    while left:
        if one := left.pop():
            left += [one.__cause__, one.__context__, *(one.exceptions or ())]
            for frame in one.stack:
                frame.filename = _shortened(frame.filename, modules)
    return "".join(whole.format())


def _modules() -> dict[str | None, str]:
    """Return the names of the modules that are loaded, by file."""
    loaded = [(name, module) for name, module in sys.modules.items() if hasattr(module, "__dict__")]
    return {vars(module).get("__file__"): name for name, module in loaded}


def _shortened(file: str, modules: dict[str | None, str]) -> str:
    """Return the path of a file from its package on."""
    depth = modules.get(file, "").count(".") + 1 + file.endswith("__init__.py")
    return "/".join(Path(file).parts[-depth:])


def publishable(outcome: Outcome) -> Outcome:
    """Return an outcome whose reason and log name files, whoever wrote them, without folders."""
    told = {"reason": outcome.reason, "log": outcome.log}
    return outcome.model_copy(update={name: FOLDERS.sub("", text) for name, text in told.items()})


def storable(text: str) -> str:
    """Return text that can be sent and stored."""
    # a cut surrogate could be neither sent nor stored
    return text.encode("utf-8", "replace").decode()
