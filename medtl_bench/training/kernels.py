"""A mode that sees every kernel that torch calls."""

from torch.utils._python_dispatch import TorchDispatchMode


class KernelMode(TorchDispatchMode):
    """Hands every kernel to `__torch_dispatch__`."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Leave torch's compiler out: it would be told at each kernel to stay out."""
        return False
