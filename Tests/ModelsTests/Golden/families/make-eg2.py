"""Makes the golden files of EmbeddingGemma 2 with images, videos and sounds: what transformers computes on tiny
generated checkpoints.

    python make-eg2.py [--only NAME]...

Made with transformers 5.24.0, torch 2.13.0 and numpy 2.4 (each file says its own versions). Each case is
eg2/NAME.json and eg2/NAME.safetensors. Weights are generated as make-families.py beside this script does it, whose
functions are used; so are the numbers of media, `generate(seed, "input.I.media.J", ...)` for item J of input I:
patches of a picture between 0 and 1, bands of a sound between -2 and 2. The JSON file has beside make-families.py's fields

- `inputs`: for each, `tokens` with one placeholder for each item, and `media`: kind and shape, as `[time, height,
  width]` in patches or `[frames]`;
- `texts`: the same tokens as the model is given them, placeholders written out as the processor would.

The tensors: `vision` and `audio`, the features of all items of a tower, in order; `vision.K` and `audio.K`, what block
K of a tower gave, without padding; `block.K`, `last` and `mean` of the text model, as in make-families.py. All inputs
run one by one and as padded batches, which must agree.
"""

import argparse
import importlib.util
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("families", HERE / "make-families.py")
families = importlib.util.module_from_spec(spec)
sys.modules["families"] = families
spec.loader.exec_module(families)

IDS = dict(
    image_token_id=56, video_token_id=57, audio_token_id=58, boi_token_id=59, eoi_token_id=60, boa_token_id=61,
    eoa_token_index=62,
)  # fmt: skip
IMAGE, VIDEO, AUDIO = 56, 57, 58
PLACEHOLDERS = {"image": IMAGE, "video": VIDEO, "audio": AUDIO}
POOLING = 3

# Tokens with a placeholder for each item, and the items.
INPUTS = [
    ([2, 17, 9, 31, 44, 5, 12, 40, 8, 1], []),
    ([2, IMAGE, 1], [("image", [1, 6, 9])]),
    ([2, IMAGE, 30, 11, IMAGE, 1], [("image", [1, 3, 3]), ("image", [1, 9, 12])]),
    ([2, IMAGE, 22, 13, 7, 1], [("image", [1, 3, 15])]),
    ([2, 50, 51, VIDEO, 1], [("video", [2, 6, 6])]),
    ([2, AUDIO, 1], [("audio", [57])]),
    ([2, 19, AUDIO, 6, 1], [("audio", [1])]),
    ([2, 33, 1], []),
    (
        [2, 14, AUDIO, 15, IMAGE, VIDEO, 16, AUDIO, 1],
        [("audio", [200]), ("image", [1, 9, 6]), ("video", [3, 3, 6]), ("audio", [4])],
    ),
]


def cases():
    kinds = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    text = dict(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, sliding_window=3, layer_types=kinds, hidden_size_per_layer_input=12,
        embedding_dim=24, rms_norm_eps=1e-3, max_position_embeddings=256, pad_token_id=0, eos_token_id=1, bos_token_id=2,
        per_layer_config={layer: dict(head_dim=16, num_key_value_heads=1) for layer in ("1", "3")},
    )  # fmt: skip
    vision = dict(
        model_type="gemma4_vision", hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, position_embedding_size=40, patch_size=4, rms_norm_eps=1e-3,
    )  # fmt: skip
    audio = dict(
        model_type="gemma4_audio", hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        subsampling_conv_channels=[16, 4], attention_chunk_size=4, attention_context_left=5, attention_context_right=0,
        conv_kernel_size=3, output_proj_dims=20, rms_norm_eps=1e-3,
    )  # fmt: skip

    def case(name, seed, text, vision, audio, note, **options):
        whole = dict(text_config=text, vision_config=vision, audio_config=audio) | IDS
        model = "EmbeddingGemma2Model"
        return families.Case(
            name, seed, model, model, "EmbeddingGemma2Config", whole, [], 0, "mean", note=note, **options
        )

    yield case("plain", 1301, text, vision, audio, "as published, small: limits in the audio tower alone")
    yield case(
        "odd", 1302, text | dict(rms_norm_eps=1.0),
        vision | dict(
            use_clipped_linears=True, standardize=True, rms_norm_eps=1.0,
            rope_parameters=dict(rope_type="axial", rope_theta=30.0),
        ),
        audio | dict(
            use_clipped_linears=False, attention_chunk_size=12, attention_context_left=13, conv_kernel_size=5,
            rms_norm_eps=1.0, residual_weight=0.7, attention_logit_cap=2.0,
        ),
        "limits and standardised features in the vision tower, none in the audio tower; epsilon 1, which shows scales "
        "that a norm would hide; a low cap of logits",
    )  # fmt: skip
    yield case(
        "images", 1303, text, vision | dict(num_key_value_heads=4, pooling_kernel_size=3), audio,
        "no audio tower, though its tensors are there", config_changes={"audio_config": None},
    )  # fmt: skip


def features_of(shape):
    if len(shape) == 3:
        time, height, width = shape
        return [height * width // POOLING**2] * time
    length = shape[0]
    for _ in range(2):
        length = (length + 1) // 2
    return [length]


def expanded(tokens, media):
    """Tokens as the processor writes them out."""
    waiting = {kind: [shape for k, shape in media if k == kind] for kind in PLACEHOLDERS}
    ids = []
    for token in tokens:
        kind = next((k for k, t in PLACEHOLDERS.items() if t == token), None)
        if kind is None:
            ids.append(token)
            continue
        begin, end = (61, 62) if kind == "audio" else (59, 60)
        for count in features_of(waiting[kind].pop(0)):
            ids += [begin] + [token] * count + [end]
    assert not any(waiting.values())
    return ids


def values(case, number, item, kind, shape):
    """`[pictures, patches, numbers]`, or `[frames, bands]`."""
    name = f"input.{number}.media.{item}"
    if kind == "audio":
        return torch.from_numpy(families.generate(case.seed, name, [shape[0], 16], 0.0, 2.0))
    time, height, width = shape
    return torch.from_numpy(families.generate(case.seed, name, [time, height * width, 48], 0.5, 0.5))


def grid(height, width):
    axes = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    return torch.stack(axes, -1).reshape(-1, 2)


def pictures(case, batch, kind):
    """Padded patches and places of all pictures of a kind, and how many each item has."""
    items = [
        (values(case, number, item, kind, shape), grid(*shape[1:]))
        for number, media in batch
        for item, (k, shape) in enumerate(media)
        if k == kind
    ]
    if not items:
        return None
    longest = max(patches.shape[1] for patches, _ in items)
    rows, places = [], []
    for patches, own in items:
        for picture in patches:
            missing = longest - len(picture)
            rows.append(torch.nn.functional.pad(picture, (0, 0, 0, missing)))
            places.append(torch.nn.functional.pad(own, (0, 0, 0, missing), value=-1))
    return torch.stack(rows), torch.stack(places), torch.tensor([len(patches) for patches, _ in items])


def sounds(case, batch):
    items = [
        values(case, number, item, kind, shape)
        for number, media in batch
        for item, (kind, shape) in enumerate(media)
        if kind == "audio"
    ]
    if not items:
        return None
    longest = max(map(len, items))
    mask = torch.stack([torch.arange(longest) < len(item) for item in items])
    return torch.stack([torch.nn.functional.pad(i, (0, 0, 0, longest - len(i))) for i in items]), mask


def run(case, model, numbers, side="right"):
    """Some inputs as one batch; returns last hidden states and the mask."""
    inputs = [case.inputs[number] for number in numbers]
    ids, mask = families.batch_of([expanded(tokens, media) for tokens, media in inputs], case.pad, side)
    batch = [(number, media) for number, (_, media) in zip(numbers, inputs)]
    given = {}
    if (found := pictures(case, batch, "image")) is not None:
        given |= dict(pixel_values=found[0], image_position_ids=found[1])
    if (found := pictures(case, batch, "video")) is not None:
        given |= dict(pixel_values_videos=found[0], video_position_ids=found[1], num_frames_per_video=found[2])
    if (found := sounds(case, batch)) is not None:
        given |= dict(input_features=found[0], input_features_mask=found[1])
    return model(input_ids=ids, attention_mask=mask, **given).last_hidden_state, mask


def towers(case, model):
    """Features of each item by itself, and what the blocks of the towers gave."""
    states = {}

    def keep(name):
        def hook(_, inputs, output):
            first = output[0] if isinstance(output, tuple) else output
            states.setdefault(name, []).append(first[0].clone())

        return hook

    hooks = []
    for tower, layers in (("vision", "vision_tower.encoder.layers"), ("audio", "audio_tower.layers")):
        if getattr(model, f"{tower}_tower") is not None:
            for index, layer in enumerate(model.get_submodule(layers)):
                hooks.append(layer.register_forward_hook(keep(f"{tower}.{index}")))
    for number, (_, media) in enumerate(case.inputs):
        for item, (kind, shape) in enumerate(media):
            own = values(case, number, item, kind, shape)
            if kind == "audio":
                mask = torch.ones(1, len(own), dtype=torch.bool)
                states.setdefault("audio", []).append(
                    model.get_audio_features(own[None], mask, return_dict=True).pooler_output[0]
                )
            else:
                for picture in own:
                    places = grid(*shape[1:])[None]
                    found = model.get_image_features(picture[None], places, return_dict=True).pooler_output
                    states.setdefault("vision", []).append(found[0])
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts).contiguous() for name, parts in states.items()}


def record(case, model):
    recorder = families.Recorder(model)
    singles = []
    with torch.no_grad():
        tensors = towers(case, model)
        everything = range(len(case.inputs))
        for number in everything:
            last = run(case, model, [number])[0][0]
            singles.append([state[0].clone() for state in recorder.states] + [last])
        for side in ("left", "right"):
            last, mask = run(case, model, list(everything), side)
            for index, states in enumerate([*recorder.states, last]):
                for row, single in enumerate(singles):
                    expected = single[index]
                    difference = (states[row][mask[row] == 1] - expected).abs().max().item()
                    limit = families.AGREEMENT * max(1.0, expected.abs().max().item())
                    assert difference <= limit, f"{case.name}: {side} padding, state {index}: {difference}"
    names = [f"block.{index}" for index in range(len(recorder.states))] + ["last"]
    kept = {name: torch.cat([single[i] for single in singles]) for i, name in enumerate(names)}
    for name in ("block.2", "block.3"):
        del kept[name]
    tensors |= kept
    tensors["mean"] = torch.stack([single[-1].mean(0) for single in singles])
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def backward(case, model):
    total = 0.0
    for number in range(len(case.inputs)):
        vector = torch.nn.functional.normalize(run(case, model, [number])[0][0].mean(0), dim=-1)
        direction = torch.from_numpy(families.generate(case.seed, f"loss.{number}", [len(vector)], 0.0, 1.0))
        loss = vector @ direction
        loss.backward()
        total += loss.item()
    return total


def make(case):
    has_sound = case.config_changes.get("audio_config", 0) is not None
    case.inputs = [
        (tokens, media) for tokens, media in INPUTS if has_sound or all(kind != "audio" for kind, _ in media)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, tensors, weights, writer = families.write_checkpoint(case, folder, None)
        model, names = families.load_model(case, folder, weights)
        recorded = record(case, model)
        loss = backward(case, model)
        gradients = sorted(
            (families.summary(case, names[n], p.grad) for n, p in model.named_parameters() if p.grad is not None),
            key=lambda gradient: gradient["name"],
        )
        content = {
            "provenance": {
                "script": Path(__file__).name, "config": writer,
                "versions": {
                    "torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__,
                },
            },
            "note": case.note, "config": config, "seed": case.seed,
            "inputs": [
                {"tokens": tokens, "media": [{"kind": kind, "shape": shape} for kind, shape in media]}
                for tokens, media in case.inputs
            ],
            "texts": [expanded(tokens, media) for tokens, media in case.inputs],
            "pooling": case.pooling, "tensors": tensors, "loss": families.digits(loss), "gradients": gradients,
        }  # fmt: skip
    target = HERE / "eg2"
    target.mkdir(exist_ok=True)
    (target / f"{case.name}.json").write_text(families.to_json(content) + "\n")
    save_file(recorded, target / f"{case.name}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="make this case alone; may be repeated")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for case in cases():
        if not options.only or case.name in options.only:
            make(case)
            print(case.name)


if __name__ == "__main__":
    main()
