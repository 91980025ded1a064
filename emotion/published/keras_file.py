"""Reading of a Keras model in an HDF5 file: its graph and its arrays; nothing is run."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from emotion.errors import InputError

MAX_FILE_BYTES = 16 * 2**20
MAX_NUMBERS = 2 * 2**20
"""Largest number of elements of all arrays together."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a Keras graph.

    Attributes:
        kind: class of the layer, such as "Conv2D".
        config: its settings, such as strides and padding.
        inputs: names of the layers that it reads.
        arrays: its weights by their last names, such as "kernel:0".
    """

    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    arrays: Mapping[str, Array]


def read_keras(data: bytes) -> dict[str, KerasLayer]:
    """Return the layers of a Keras model by name, in the order of its graph.

    Raises:
        InputError: if the file is damaged, too large, or no such model.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"the HDF5 file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,}")
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            config = json.loads(file.attrs["model_config"])
            arrays = _arrays(file["model_weights"])
            layers = config["config"]["layers"]
            return {layer["config"]["name"]: _layer(layer, arrays) for layer in layers}
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as err:
        why = " ".join(str(err).split())[:200]
        raise InputError(f"the HDF5 file is damaged or no Keras model: {why}") from err


def _layer(layer: dict[str, Any], arrays: Mapping[str, dict[str, Array]]) -> KerasLayer:
    name, nodes = layer["config"]["name"], layer["inbound_nodes"]
    inputs = tuple(str(one[0]) for one in nodes[0]) if nodes else ()
    return KerasLayer(str(layer["class_name"]), layer["config"], inputs, arrays.get(name, {}))


def _arrays(weights: Any) -> dict[str, dict[str, Array]]:
    """Return the arrays of each layer; their sizes are checked before any is read."""
    found: dict[str, dict[str, Any]] = {}
    total = 0
    for layer, group in weights.items():
        datasets: dict[str, Any] = {}
        group.visititems(lambda name, node, into=datasets: into.__setitem__(name, node))
        for name, node in datasets.items():
            if not isinstance(node, h5py.Dataset):
                continue
            total += math.prod(node.shape)
            if total > MAX_NUMBERS or node.external or node.is_virtual:
                raise InputError(
                    f"array {layer}/{name} of the HDF5 file has shape {node.shape}; all arrays "
                    f"together may have {MAX_NUMBERS:,} numbers, in the file itself"
                )
            found.setdefault(layer, {})[name.rsplit("/", 1)[-1]] = node
    return {
        layer: {name: np.asarray(node[()], np.float32) for name, node in nodes.items()}
        for layer, nodes in found.items()
    }
