"""What is made ready for a GPU, tested without one: on the CPU, and on tensors that only pretend to be on a GPU."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hint import crop as on_cpu
from hint.crop import Square
from hint.errors import InputError, UnknownNameError
from hint.methods import device_crop
from hint.methods.crop_method import CropMethod
from hint.methods.table import create
from hint.types import Hand, MethodOptions

CPU = torch.device("cpu")

#: Every network that looks at one crop per hand -> its random weights.
NETWORKS = {
    "hamer": "tiny-random",
    "hamer-tiny": None,
    "wilor": "random",
    "hawor": "random",
    "frankmocap": "random",
    "metro": "random",
    "mesh-graphormer": "random",
    "handoccnet-param": "random",
}


def make(name: str, precision: str = "fp32", **extra: str) -> CropMethod:
    options = MethodOptions(device="cpu", weights=NETWORKS[name], precision=precision, extra=extra)
    method = create(name, options)
    assert isinstance(method, CropMethod)
    return method


def drawn(n):
    """Hands of both sides in a picture, some at its borders, one larger than the crops."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (700, 900, 3), dtype=np.uint8)
    corners, sides = rng.uniform(-40, 600, (n, 2)), rng.uniform(40, 180, n)
    sides[0] = 600
    boxes = np.column_stack([corners, corners + sides[:, None]]).tolist()
    return image, [Hand(f"h{k}", tuple(box), bool(k % 2)) for k, box in enumerate(boxes)]


def predict(method, n=5):
    image, hands = drawn(n)
    return method.infer(hands, [method.prepare(hand, image) for hand in hands])


# -- no network mixes devices, or waits for the GPU


class Watch(TorchDispatchMode):
    """Notes what reads a tensor on the CPU, which a GPU would wait for; single numbers go along with a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type == "cpu" and tensor.ndim for tensor in tensors):
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


PRECISIONS = [(name, "fp32") for name in NETWORKS] + [(name, "bf16") for name in ("hamer", "wilor", "hawor")]


@pytest.mark.parametrize(("name", "precision"), PRECISIONS)
def test_a_network_stays_on_the_gpu(name, precision):
    """Reading a number back fails here too, as no tensor holds any."""
    method = make(name, precision)
    own = [*method.network.named_parameters(), *method.network.named_buffers()]
    # The sampler of cuDNN cannot pretend.
    with FakeTensorMode() as mode, torch.backends.cudnn.flags(enabled=False), torch.no_grad():
        state = {key: mode.from_tensor(tensor).to("cuda") for key, tensor in own}
        inputs = [torch.empty(3, method.crop_size, method.crop_size, 3, device="cuda")]
        if name == "hawor":
            inputs.append(torch.empty(3, 4, device="cuda"))
        with Watch() as watch:
            output = functional_call(method.network, state, tuple(inputs))
    assert watch.seen == []
    assert {getattr(output, field.name).device.type for field in fields(output)} == {"cuda"}


# -- memory runs out


class Small(torch.nn.Module):
    """A network on a device with room for a few hands."""

    def __init__(self, network: torch.nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room, self.tried = network, room, []

    def forward(self, crops, *others):
        self.tried.append(len(crops))
        if len(crops) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network(crops, *others)


@pytest.mark.parametrize("name", ["hamer", "frankmocap"])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(name):
    method = make(name)
    whole = predict(method, 9)
    method.network = small = Small(method.network, room=3)
    parts = predict(method, 9)
    assert parts.hand_id.tolist() == whole.hand_id.tolist()
    for column in ("keypoints_2d", "keypoints_3d", "vertices"):
        np.testing.assert_allclose(getattr(parts, column), getattr(whole, column), atol=1e-3, rtol=0)
    assert small.tried == [9, 4, 2, 2, 2, 2, 1]
    predict(method, 4)
    assert small.tried[7:] == [2, 2]


def test_a_gpu_without_room_for_one_hand_is_one_line():
    method = make("hamer")
    method.network = Small(method.network, room=0)
    with pytest.raises(InputError, match=r"no memory left for a single hand.* --device cpu"):
        predict(method, 4)


def test_the_batch_size_of_a_gpu_is_found_by_trying():
    method = make("hamer")
    assert method.find_batch_size() is None
    method.network = Small(method.network, room=5)
    method._portions.limit = 16  # as on a GPU
    assert method.find_batch_size() == 4 * 4


# -- crops on the device

squares = st.builds(Square, st.floats(-80, 400), st.floats(-80, 300), st.floats(4, 900))


@given(st.lists(st.tuples(squares, st.booleans()), min_size=1, max_size=3), st.sampled_from([64, 224]))
@settings(max_examples=25)
def test_crops_of_a_device_are_within_one_grey_level(where, size):
    """At the borders and beyond, mirrored, blurred or not, and in one batch whatever their sizes."""
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for name in ("crop", "crop_unrounded", "crop_blurred"):
        exact, regions = (
            [getattr(cutter, name)(image, square, mirror=mirror, crop_size=size) for square, mirror in where]
            for cutter in (on_cpu, device_crop)
        )
        cut = device_crop.cut(regions, size, CPU).numpy()
        assert cut.shape == (len(where), size, size, 3)
        assert np.abs(cut - np.stack(exact)).max() <= 1


@pytest.mark.parametrize(
    ("name", "crop"), [("hamer", "native"), ("hamer", "demo"), ("metro", "native"), ("frankmocap", "hamer")]
)
def test_a_method_whose_crops_the_device_cuts_finds_the_same_hands(name, crop):
    plain, on_device = make(name, crop=crop), make(name, **{"crop": crop, "crop-on": "device"})
    np.testing.assert_allclose(predict(on_device).keypoints_2d, predict(plain).keypoints_2d, atol=0.1)
    assert on_device.fingerprint == plain.fingerprint | {"crop_on": "device"}


@pytest.mark.parametrize(
    ("name", "where", "error", "message"),
    [
        ("frankmocap", "device", InputError, "--crop hamer"),
        ("hawor", "device", InputError, "--crop hamer"),
        ("hamer", "moon", UnknownNameError, "moon.*cpu, device"),
    ],
)
def test_crops_that_no_device_cuts_are_refused(name, where, error, message):
    with pytest.raises(error, match=message):
        make(name, **{"crop-on": where})


# -- compiled


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_and_knows_few_sizes():
    torch.compiler.reset()
    plain, compiled = make("hamer"), make("hamer", compile="true")
    counters.clear()
    for n in (3, 4, 2):
        np.testing.assert_allclose(predict(compiled, n).keypoints_2d, predict(plain, n).keypoints_2d, atol=1e-3)
    assert counters["stats"]["unique_graphs"] == 2  # batches of four and of two; the blocks share them


def test_a_switch_is_on_or_off():
    with pytest.raises(InputError, match="compile=maybe"):
        make("hamer", compile="maybe")
