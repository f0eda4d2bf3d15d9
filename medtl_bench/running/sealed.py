"""Bytes in a file that only who holds the key can read, or change unseen.

The labels that methods are judged by lie beside the data that methods read. A process
that runs one has the rights of the user, so that no mode of a file would keep it out.
"""

import hmac
from hashlib import sha256, shake_256

import numpy as np

SIZE = sha256().digest_size


def fold_key(key: str, dataset: str, fold: int) -> str:
    """Return the key of one fold of a dataset, which opens neither another nor the labels."""
    return _own(key, f"{dataset}/fold {fold}").hex()


def seal(content: bytes, key: str, name: str) -> bytes:
    """Return content sealed; no two contents may have the same key and name."""
    own = _own(key, name)
    covered = _covered(content, own)
    return hmac.digest(own, covered, "sha256") + covered


def unseal(sealed: bytes, key: str, name: str) -> bytes:
    """Return the content; raises ValueError if it was changed, or sealed with another key."""
    own, mark, covered = _own(key, name), sealed[:SIZE], sealed[SIZE:]
    if not hmac.compare_digest(mark, hmac.digest(own, covered, "sha256")):
        raise ValueError(f"{name} was changed since it was sealed")
    return _covered(covered, own)


def _own(key: str, name: str) -> bytes:
    """Return a key for one name alone."""
    return hmac.digest(key.encode(), name.encode(), "sha256")


def _covered(content: bytes, own: bytes) -> bytes:
    """Return content with a stream of bytes added that nobody can tell without the key.

    Twice covered is uncovered.
    """
    stream = shake_256(own).digest(len(content))
    return (np.frombuffer(content, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()
