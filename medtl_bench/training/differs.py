"""Why learners of a method cannot be trained as one."""


class Differs(Exception):  # noqa: N818 - told as a reason, not raised at users
    """What a stack does is not what its learners do alone; told in a sentence."""
