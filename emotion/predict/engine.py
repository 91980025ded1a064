"""Names of the engines that run a model; this module imports no large library."""

from typing import Literal

Engine = Literal["torch", "onnx"]
"""Engine that runs a model: ``torch`` on any device, ``onnx`` (onnxruntime) on the CPU."""
