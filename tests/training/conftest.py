"""What tests of trainings share."""

import pytest
import torch


@pytest.fixture
def double():
    """Calculate in float64: Adam makes whole steps of what is only rounding in float32."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
