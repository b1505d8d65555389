"""The landmark network in PyTorch: as MediaPipe's file says, and with feature maps."""

import numpy as np
import pytest
import torch

from hint.errors import InputError
from hint.landmarks.backbone import CHANNELS, LAST_CHANNELS, WEIGHTS, LandmarkBackbone, load_network
from hint.landmarks.files import LANDMARKS, missing
from hint.weights import read_checkpoint, save


@pytest.fixture(scope="module")
def network() -> LandmarkBackbone:
    return load_network()


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    """One crop of noise and one with a bright disc, RGB in 0..1."""
    noise = np.random.default_rng(3).random((224, 224, 3), np.float32)
    y, x = np.mgrid[:224, :224]
    disc = np.where(((x - 100) ** 2 + (y - 130) ** 2 < 60**2)[..., None], (0.9, 0.7, 0.6), (0.2, 0.3, 0.25))
    return torch.from_numpy(np.stack([noise, disc]).astype(np.float32)).permute(0, 3, 1, 2)


@torch.inference_mode()
def test_outputs_are_those_of_the_file_it_was_read_from(network, crops):
    """Relative to the largest value of each output."""
    if lacking := missing():
        pytest.skip(f"MediaPipe's networks {lacking}")
    from ai_edge_litert.interpreter import Interpreter

    reference = Interpreter(model_content=LANDMARKS.read(), num_threads=1)
    reference.allocate_tensors()
    outputs = sorted(reference.get_output_details(), key=lambda output: output["name"])
    ours = network(crops)
    for row, crop in enumerate(crops):
        reference.set_tensor(reference.get_input_details()[0]["index"], crop.permute(1, 2, 0)[None].numpy())
        reference.invoke()
        expected = [reference.get_tensor(output["index"])[0] for output in outputs]
        for theirs, value in zip(expected, ours, strict=True):
            np.testing.assert_allclose(value[row].flatten(), theirs, atol=1e-5 * np.abs(theirs).max())


@torch.inference_mode()
def test_feature_maps_have_their_strides(network, crops):
    features = network.features(crops[:, :, :192, :160])
    sizes = {stride: tuple(found.shape[1:]) for stride, found in features.maps.items()}
    assert sizes == {stride: (width, 192 // stride, 160 // stride) for stride, width in CHANNELS.items()}
    assert features.last.shape == (2, LAST_CHANNELS, 6, 5)


@torch.inference_mode()
def test_noise_is_no_hand(network, crops):
    assert network(crops).presence[0] < 0.1


def test_other_weights_are_refused(tmp_path):
    state = read_checkpoint(WEIGHTS).state
    path = tmp_path / "other.safetensors"
    save({key: value for key, value in state.items() if not key.startswith("stem")}, path, {})
    with pytest.raises(InputError, match=r"missing: stem\.weight, stem\.bias"):
        load_network(path)


def test_the_file_says_where_it_comes_from():
    assert WEIGHTS.with_name("NOTICE.txt").is_file()
    assert read_checkpoint(WEIGHTS).metadata["licence"] == "Apache-2.0"
