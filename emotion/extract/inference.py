"""Sessions of onnxruntime on the CPU."""

from __future__ import annotations

from typing import Any

import onnxruntime


def open_session(model: bytes, *, threads: int = 1) -> Any:
    """Open an onnxruntime session for a serialized ONNX model, on the CPU.

    Args:
        model: bytes of a .onnx file.
        threads: threads per operator. 1 uses only the caller's thread: a worker has one core.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors only: onnxruntime warns on machines whose graphics cards it cannot list.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
