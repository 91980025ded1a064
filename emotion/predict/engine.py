"""The engines that run a model, by name; this module imports nothing large."""

from typing import Literal

Engine = Literal["torch", "onnx"]
"""Runner of a model: torch on any device, or onnxruntime on the CPU."""
