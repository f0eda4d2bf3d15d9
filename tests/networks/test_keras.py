"""What can be said without Keras.

With it, `tests/crosscheck/test_keras.py` holds the adapter against torch.
"""

import random
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from medtl_bench.errors import MedTLError
from medtl_bench.networks.keras import KerasBackbone, seeded


def test_importing_the_module_imports_no_keras() -> None:
    told = "import sys, medtl_bench.networks.keras; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


def test_without_keras_a_sentence_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(
        MedTLError,
        match=r"needs Keras 3 on torch \(`pip install keras`.*importing it fails: .*keras",
    ):
        KerasBackbone(object())


def test_another_back_end_is_named(monkeypatch) -> None:
    monkeypatch.setitem(
        sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax"))
    )
    with pytest.raises(
        MedTLError,
        match=r"needs the back end 'torch' \(KERAS_BACKEND=torch .*but Keras runs on 'jax'",
    ):
        KerasBackbone(object())


@pytest.mark.parametrize("built", [True, False])
def test_what_is_no_model_or_has_no_weights_is_refused(monkeypatch, built: bool) -> None:
    backend = SimpleNamespace(backend=lambda: "torch")
    monkeypatch.setitem(
        sys.modules, "keras", SimpleNamespace(backend=backend, Model=SimpleNamespace)
    )
    given, told = (
        (torch.nn.Linear(1, 1), "but got a Linear")
        if built
        else (unbuilt(), "'mine' has no weights yet")
    )
    with pytest.raises(MedTLError, match=told):
        KerasBackbone(given)


def unbuilt() -> SimpleNamespace:
    return SimpleNamespace(name="mine", built=False)


def test_seeded_draws_from_the_generator_and_leaves_the_global_state() -> None:
    before = random.getstate()
    drawn = []
    for seed in (0, 0, 1):
        with seeded(torch.Generator().manual_seed(seed)):
            drawn.append(random.random())
    assert random.getstate() == before
    assert drawn[0] == drawn[1] != drawn[2]
