"""Device of a Predictor: unknown names and absent GPUs are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion.errors import InputError
from emotion.predict.predictor import Predictor


@pytest.mark.parametrize(
    "device, says",
    [
        ("gpu", "device must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ("cuda:99", "device is 'cuda:99', this machine has [0-9]+ usable GPUs; take cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused(package: Path, device: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Predictor.load(str(package), device=device)
