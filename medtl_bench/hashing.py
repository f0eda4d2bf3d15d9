"""A name made from an identity: the same on every machine and with every version of a library."""

from hashlib import sha256


def hashed(*identity: str | int) -> str:
    """Return the SHA-256 of an identity, in hexadecimal digits.

    It names files, and to sort by it shuffles in an order that no library version
    changes.
    """
    return sha256("\0".join(map(str, identity)).encode()).hexdigest()
