"""Networks through onnxruntime: one thread per session, since a worker has one core."""

from __future__ import annotations

from typing import Any

import onnxruntime


def open_session(model: bytes) -> Any:
    """An onnxruntime session for a serialized ONNX model, on the CPU, in the caller's thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Errors only: it warns of machines whose graphics cards it cannot list.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
