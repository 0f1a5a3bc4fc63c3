"""Time one network with the same weights in TensorFlow, PyTorch, ONNX Runtime and OpenVINO.

Milliseconds for a tile, medians of interleaved rounds of one run on the same threads, and the
largest difference of the image from TensorFlow's. What is not installed is left out; none of them
belongs to the project's environment: pip install --target FOLDER torch onnx onnxruntime openvino.
"""

import argparse
import importlib.util
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from sandstone.files import read_json  # noqa: E402
from sandstone.models import architectures as steps  # noqa: E402
from sandstone.models import inference, weights  # noqa: E402
from sandstone.models.options import generator_files  # noqa: E402

Network = Callable[[np.ndarray], np.ndarray]
TOLERANCE = 1e-4  # grey levels in [0, 1]


def span_of(folder: Path) -> tuple[list[steps.Step], dict[str, list[np.ndarray]]]:
    """Return the steps of a generator and the arrays of its layers by name."""
    description, _ = generator_files(folder)
    options = read_json(description, remedy="name the folder of a model")
    if options["architecture"] != "span":
        sys.exit(f"backends: {folder} holds {options['architecture']}; this compares SPAN")
    model = weights.load_generator(folder)
    arrays = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    return steps.GENERATORS["span"](options), arrays


def unrolled(network: list[steps.Step]) -> list[tuple[str, steps.Step, list[str]]]:
    """Return every layer with its name and those of its inputs, blocks written out."""
    lines: list[tuple[str, steps.Step, list[str]]] = []
    last = ""
    for step in network:
        if isinstance(step, steps.AttentionBlocks):
            for number in range(1, step.count + 1):
                name, entry = f"{step.name}_{number}", last
                for each in step.steps:
                    lines.append((f"{name}_{each.name}", each, [last]))
                    last = f"{name}_{each.name}"
                lines.append((f"{name}_add", steps.Attend("", entry), [last, entry]))
                last = f"{name}_add"
            lines.append((step.name, step, [last]))
        elif isinstance(step, steps.Concatenate):
            lines.append((step.name, step, list(step.others)))
        elif isinstance(step, steps.Attend):
            lines.append((step.name, step, [last, step.other]))
        else:
            lines.append((step.name, step, [last]))
        last = step.name
    return lines


def tensorflow_network(folder: Path, threads: int) -> Network:
    """Return the network as the workflow runs it."""
    return inference.load_network(folder, threads)


def torch_network(folder: Path, threads: int) -> Network:
    """Return the same network in PyTorch."""
    import torch
    from torch.nn import functional as of

    torch.set_num_threads(threads)
    network, arrays = span_of(folder)
    tensors = {
        name: [torch.tensor(kernel.transpose(3, 2, 0, 1)), torch.tensor(bias)]
        for name, (kernel, bias) in arrays.items()
    }

    def apply_step(name: str, step: steps.Step, x: list[Any]) -> Any:  # noqa: PLR0911 - one a kind
        match step:
            case steps.Centre(means=means, gain=gain):
                return (x[0] - torch.tensor(means).reshape(1, -1, 1, 1)) * gain
            case steps.Conv(kernel=kernel):
                return of.conv2d(x[0], *tensors[name], padding=kernel // 2)
            case steps.Silu():
                return of.silu(x[0])
            case steps.Attend():
                return (x[0] + x[1]) * (torch.sigmoid(x[0]) - 0.5)
            case steps.Concatenate():
                return torch.cat(x, 1)
            case steps.Shuffle(factor=factor):
                return of.pixel_shuffle(x[0], factor)
        return x[0]

    def apply(lr: np.ndarray) -> np.ndarray:
        outputs: dict[str, Any] = {}
        with torch.inference_mode():
            x = torch.tensor(lr[:, None])
            for name, step, inputs in unrolled(network):
                x = apply_step(name, step, [outputs.get(each, x) for each in inputs])
                outputs[name] = x
        return np.clip(x.numpy()[:, 0], 0, 1)

    return apply


def onnx_model(folder: Path) -> bytes:  # noqa: C901 - one case a kind of step
    """Return the same network as an ONNX model for images of any size."""
    from onnx import TensorProto, helper, numpy_helper

    network, arrays = span_of(folder)
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    half = constant("half", 0.5)
    for name, step, x in unrolled(network):
        match step:
            case steps.Centre(means=means, gain=gain):
                mean = constant(f"{name}_means", np.reshape(means, (1, -1, 1, 1)))
                gain_name = constant(f"{name}_gain", gain)
                node("Mul", [node("Sub", [x[0], mean], f"{name}_less"), gain_name], name)
            case steps.Conv(kernel=kernel):
                weight, bias = arrays[name]
                inputs = [x[0], constant(f"{name}_w", weight.transpose(3, 2, 0, 1))]
                inputs.append(constant(f"{name}_b", bias))
                node("Conv", inputs, name, pads=[kernel // 2] * 4)
            case steps.Silu():
                node("Mul", [x[0], node("Sigmoid", [x[0]], f"{name}_gate")], name)
            case steps.Attend():
                gate = node("Sigmoid", [x[0]], f"{name}_gate")
                centred = node("Sub", [gate, half], f"{name}_weight")
                node("Mul", [node("Add", x, f"{name}_sum"), centred], name)
            case steps.Concatenate():
                node("Concat", x, name, axis=1)
            case steps.Shuffle(factor=factor):
                node("DepthToSpace", [x[0]], name, blocksize=factor, mode="CRD")
            case steps.Input():
                node("Identity", ["lr"], name)
            case _:
                node("Identity", [x[0]], name)
    shape = ["n", 1, "y", "x"]
    graph = helper.make_graph(
        nodes,
        "span",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def onnxruntime_network(folder: Path, threads: int) -> Network:
    """Return the same network in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(onnx_model(folder), options, providers=providers)
    return lambda lr: np.clip(session.run(None, {"lr": lr[:, None]})[0][:, 0], 0, 1)


def openvino_network(folder: Path, threads: int) -> Network:
    """Return the same network in OpenVINO, on the CPU, computing in float32."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(onnx_model(folder)), "CPU", settings)
    return lambda lr: np.clip(compiled(lr[:, None])[0][:, 0], 0, 1)


BACKENDS: dict[str, tuple[Callable[[Path, int], Network], tuple[str, ...]]] = {
    "tensorflow": (tensorflow_network, ()),
    "torch": (torch_network, ("torch",)),
    "onnxruntime": (onnxruntime_network, ("onnx", "onnxruntime")),
    "openvino": (openvino_network, ("onnx", "openvino")),
}


def milliseconds(network: Network, lr: np.ndarray) -> float:
    """Return how long a network takes for images."""
    start = time.perf_counter()
    network(lr)
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Load, compare, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    default = REPOSITORY / "pretrained" / "sandstone_x4"
    parser.add_argument("--model-dir", type=Path, default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tiles", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    args = parser.parse_args()
    networks = {
        name: load(args.model_dir, args.threads)
        for name, (load, needed) in BACKENDS.items()
        if all(importlib.util.find_spec(each) for each in needed)
    }
    print(f"{platform.machine()}, {args.threads} threads, {args.rounds} rounds")
    print("batch  tile  backend        ms/batch  ms/Mpx HR  x TensorFlow  difference")
    rng = np.random.default_rng(0)
    for batch in args.batches:
        for tile in args.tiles:
            lr = rng.random((batch, tile, tile), dtype=np.float32)
            images = {name: network(lr) for name, network in networks.items()}  # compiles
            times: dict[str, list[float]] = {name: [] for name in networks}
            for _ in range(args.rounds):
                for name, network in networks.items():
                    times[name].append(milliseconds(network, lr))
            medians = {name: statistics.median(each) for name, each in times.items()}
            for name, median in medians.items():
                far = float(np.abs(images[name] - images["tensorflow"]).max())
                mega = images[name].size / 1e6
                print(
                    f"{batch:5} {tile:5}  {name:13} {median:9.1f} {median / mega:10.1f} "
                    f"{medians['tensorflow'] / median:13.2f}  {far:.1e}"
                    f"{'' if far <= TOLERANCE else ' TOO FAR'}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
