"""A Keras 3 model with the torch back end as a part of a network.

Keras is imported only when one is made.
"""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self

import torch
from torch import Tensor, nn

from medtl_bench.errors import MedTLError


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Let Keras models made in the block draw weights and seeds from `generator`.

    Otherwise they use Python's global state, which is put back.
    """
    state = random.getstate()
    random.seed(int(torch.randint(2**31, (), generator=generator)))
    try:
        yield
    finally:
        random.setstate(state)


class KerasBackbone(nn.Module):
    """A built Keras model as a torch module, whose parameters can be replaced.

    So they can be differentiated and stacked. `functional_call` on the model itself
    changes nothing: its layers read variables of their own, so gradients by the given
    parameters are silently zero. Here the parameters start as copies of
    `model.trainable_variables` (`trainable.0`, `trainable.1`, ...: Keras's own names
    differ from one model of a process to the next), and each call hands them to the model
    as its `stateless_call` would; the model itself never changes. Its other variables
    (frozen weights, moving statistics, states of seeds) are buffers. A call in training
    mode may update them, which torch refuses inside `grad` and `vmap`: prefer
    LayerNormalization to BatchNormalization. Losses of regularisers are not added.

    A method puts one where the features were:

        @dataclass
        class KerasFineTune(FineTune):
            def build(self, sources: Sequence[Split]) -> None:
                super().build(sources)
                x = concatenate(sources).x
                with seeded(self.generator):
                    dense = keras.layers.Dense(self.width, "relu")
                    model = keras.Sequential([keras.Input(x.shape[1:]), dense])
                backbone = nn.Sequential(scaling(x), KerasBackbone(model))
                self.net.module["features"] = backbone

    Images come as [n, channels, height, width]: give layers
    `data_format="channels_first"`. Convolutions with channels last also fail under
    `vmap`.
    """

    model: Any
    _device: Any
    _scope: Any

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        """Copy a model's variables.

        Raises MedTLError without Keras 3, with another back end or an unbuilt model.
        """
        super().__init__()
        keras = _keras()
        _check_model(keras, model)
        self.trainable = nn.ParameterList(
            nn.Parameter(_copy(variable)) for variable in model.trainable_variables
        )
        for number, variable in enumerate(model.non_trainable_variables):
            self.register_buffer(f"state_{number}", _copy(variable))
        # it is an nn.Module too: as a submodule its own parameters would count
        object.__setattr__(self, "model", model)
        self._device, self._scope = keras.device, keras.StatelessScope

    def forward(self, x: Tensor) -> Tensor:
        """Return what the model makes of inputs [n, ...]."""
        variables, buffers = self.model.non_trainable_variables, list(self.buffers(recurse=False))
        # Keras would move everything to an accelerator of its own choice
        with self._device(str(x.device)), self._scope(state_mapping=self._pairs()) as scope:
            before = [scope.get_current_value(variable) for variable in variables]
            output: Tensor = self.model(x, training=self.training)
            after = [scope.get_current_value(variable) for variable in variables]
        for buffer, old, new in zip(buffers, before, after, strict=True):
            if new is not old:
                buffer.copy_(new.detach())
        return output

    def _pairs(self) -> list[tuple[Any, Tensor]]:
        """Return each variable of the model with what it is to be read as."""
        variables = self.model.non_trainable_variables
        return [
            *zip(self.model.trainable_variables, self.trainable, strict=True),
            *zip(variables, self.buffers(recurse=False), strict=True),
        ]

    def extra_repr(self) -> str:
        """Tell which model calculates.

        Modules that read the same are taken to be the same function of their parameters.
        """
        return f"{type(self.model).__name__} at {id(self.model):#x}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a module with parameters of its own.

        The model, of which only the calculation is used, is shared.
        """
        memo[id(self.model)] = self.model
        module = copy.copy(self)
        module.__dict__ = copy.deepcopy(self.__dict__, memo)
        return module


def _check_model(keras: Any, model: Any) -> None:  # noqa: ANN401
    """Raise MedTLError unless this is a model of Keras that has weights."""
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise MedTLError(f"A Keras backbone is made from a keras.Model, but got a {kind}.")
    if not model.built:
        remedy = "give it a keras.Input or call it on data once"
        raise MedTLError(f"The Keras model {model.name!r} has no weights yet; {remedy}.")


def _copy(variable: Any) -> Tensor:  # noqa: ANN401
    value: Tensor = variable.value
    return value.detach().to(torch.get_default_device(), copy=True)


def _keras() -> Any:  # noqa: ANN401
    """Return the package; raises MedTLError when it is missing or runs on another back end."""
    try:
        keras = import_module("keras")
    except ImportError as error:
        way = "`pip install keras`, KERAS_BACKEND=torch in the environment"
        need = f"A Keras backbone needs Keras 3 on torch ({way})"
        raise MedTLError(f"{need}, but importing it fails: {error}.") from error
    backend = keras.backend.backend()
    if backend != "torch":
        way = "KERAS_BACKEND=torch in the environment before Keras is imported"
        need = f"A Keras backbone needs the back end 'torch' ({way})"
        raise MedTLError(f"{need}, but Keras runs on {backend!r}.")
    return keras
