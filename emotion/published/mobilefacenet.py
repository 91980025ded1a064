"""Import of OpenCV Zoo's MobileFaceNet expression network from its ONNX file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.labels import LABELS
from emotion.models.mobilefacenet import FRAME, MobileFaceNet
from emotion.package.model_package import ModelPackage
from emotion.package.trust import Trust
from emotion.published.comparison import original_outputs
from emotion.published.facts import MOBILEFACENET_LABELS, MOBILEFACENET_TRUST, TEMPERATURES
from emotion.published.onnx_layers import Layer, read_graph, read_layers
from emotion.published.packaging import LastLayer, build_package, check_equal, probe_pictures


def import_mobilefacenet(
    data: bytes,
    *,
    spec: ExtractionSpec,
    labels: Sequence[str] = MOBILEFACENET_LABELS,
    trust: Trust = MOBILEFACENET_TRUST,
) -> ModelPackage:
    """Return a package of the expression network in an ONNX file.

    Batch norms may be folded into the convolutions or not. Nothing is run before operators, sizes
    and shapes are checked. Then the logits are compared with onnxruntime's.

    Args:
        data: bytes of the file.
        spec: extraction spec of the clips that the package scores.
        labels: our name of each output, in the order of the file.
        trust: facts and figures of the weights.

    Raises:
        InputError: if the file is damaged, too large or another network, or a logit differs by
            more than 1e-4.
    """
    graph = read_graph(data)
    layers = read_layers(graph)
    network = MobileFaceNet()
    modules = layers_of(network)
    if len(layers) != len(modules) + 1:
        raise InputError(
            f"the ONNX file has {len(layers)} layers; MobileFaceNet has {len(modules) + 1}"
        )
    for index, (layer, (conv, act)) in enumerate(zip(layers[:-1], modules, strict=True)):
        _fill(conv, act, layer, name=f"layer {index} of the ONNX file")
    weight, bias = layers[-1].weight, layers[-1].bias
    needed = (len(labels), network.num_features)
    if weight.reshape(len(weight), -1).shape != needed or layers[-1].slope is not None:
        raise InputError(f"the last layer of the ONNX file is {weight.shape}, must be {needed}")
    package = build_package(
        "mobilefacenet",
        network.state_dict(),
        LastLayer(weight.reshape(needed), bias, tuple(labels)),
        spec=spec,
        temperature=TEMPERATURES["mobilefacenet"],
        trust=trust,
    )
    pictures = probe_pictures(3, FRAME.size_px)
    expected = original_outputs(data, pictures)
    if expected.shape != (len(pictures), len(labels)):
        raise InputError(f"the ONNX file's output has shape {expected.shape}, not (N, 7)")
    order = [labels.index(label) for label in LABELS]
    check_equal(package, pictures, expected[:, order], origin="the ONNX file")
    return package


def layers_of(network: MobileFaceNet) -> list[tuple[nn.Conv2d, nn.PReLU | None]]:
    """Return the convolutions of a network in the order of its graph, each with its PReLU."""
    layers: list[tuple[nn.Conv2d, nn.PReLU | None]] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            layers.append((module, None))
        elif isinstance(module, nn.PReLU):
            layers[-1] = (layers[-1][0], module)
    return layers


def _fill(conv: nn.Conv2d, act: nn.PReLU | None, layer: Layer, *, name: str) -> None:
    """Copy a layer of the file into a convolution and its PReLU, if it fits."""
    shape = tuple(conv.weight.shape)
    weight = layer.weight
    if weight.ndim == 2 and shape[2:] == (1, 1):
        weight = weight[:, :, None, None]
    given = (weight.shape, layer.stride, layer.padding, layer.groups, layer.slope is not None)
    own = (shape, conv.stride[0], int(conv.padding[0]), conv.groups, act is not None)
    if given != own:
        raise InputError(
            f"{name} has (shape, stride, padding, groups, PReLU) {given}; MobileFaceNet has {own}"
        )
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(weight))
        conv.bias.copy_(torch.from_numpy(layer.bias))
        if act is not None and layer.slope is not None:
            act.weight.copy_(torch.from_numpy(layer.slope))
