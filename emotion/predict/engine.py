"""The name of what runs a model; this module imports nothing large, for options and help texts."""

from typing import Literal

Engine = Literal["torch", "onnx"]
"""Runner of a model: torch on any device, or onnxruntime on the CPU."""
