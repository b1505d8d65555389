"""Read the weights of MediaPipe's hand landmark network from its .tflite file and write them as safetensors.

python tools/landmark_weights.py hand_landmark_full.tflite

The file is in the wheel mediapipe 0.10.21, under mediapipe/modules/hand_landmark; reading it needs ai-edge-litert.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from hint.landmarks.backbone import WEIGHTS, Convolution, LandmarkBackbone
from hint.provenance import sha256_file
from hint.weights import save

_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

#: The linear layers in the order of the file.
_LINEAR = ("handedness", "presence", "points", "world")

#: Layout in the file -> layout in PyTorch.
_AXES = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}


def main() -> None:
    """Convert the file that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tflite", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    network = LandmarkBackbone()
    fill(network, options.tflite.read_bytes())
    state = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    save(state, options.out, _metadata(options.tflite))


def fill(network: LandmarkBackbone, model: bytes) -> None:
    """Copy the weights of a .tflite file into the network."""
    targets: list[nn.Module] = [layer for layer in network.modules() if isinstance(layer, Convolution)]
    targets += [network.get_submodule(name) for name in _LINEAR]
    for layer, (weight, bias) in zip(targets, layers(model), strict=True):
        layer.load_state_dict({"weight": weight, "bias": bias})


def layers(model: bytes) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield weight and bias of each layer in PyTorch's layout, in the order of the file."""
    content = schema.ModelT.InitFromPackedBuf(model)
    (graph,) = content.subgraphs
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    kinds = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in content.operatorCodes]
    # Constants are half floats that an operator of their own widens.
    stored = {op.outputs[0]: op.inputs[0] for op in graph.operators if kinds[op.opcodeIndex] == "DEQUANTIZE"}
    for operator in graph.operators:
        kind = kinds[operator.opcodeIndex]
        if kind in _LAYERS:
            weight, bias = (_constant(content, stored[k]) for k in operator.inputs[1:3])
            yield weight.permute(_AXES[kind]), bias


def _constant(content: schema.ModelT, index: int) -> Tensor:
    tensor = content.subgraphs[0].tensors[index]
    values = np.frombuffer(content.buffers[tensor.buffer].data.tobytes(), np.float16)
    return torch.from_numpy(values.reshape(tensor.shape).astype(np.float32))


def _metadata(source: Path) -> dict[str, str]:
    return {
        "source": "hand_landmark_full.tflite of mediapipe 0.10.21",
        "source_sha256": sha256_file(source),
        "copyright": "Copyright The MediaPipe Authors",
        "licence": "Apache-2.0",
        "changes": "layout of the weights changed for PyTorch; values as they are, in float16",
    }


if __name__ == "__main__":
    main()
