"""Makes the golden files of the families that also read images and videos: what transformers computes on tiny models.

    python make-vision.py --v4-python PYTHON [--only NAME]...

With torch 2.13.0, transformers 5.24.0, peft 0.21.2, safetensors and numpy 2.4.6 on x86-64, one thread; about two
minutes, no network. PYTHON is an interpreter that has transformers 4.57.6 and torch: it computes all positions, and writes the
config.json of the cases whose `provenance.config` says so. A second run writes the same bytes.

Each case is a NAME.json and a NAME.safetensors in `vision/`; PROVENANCE.md describes what they hold beyond those of
`make-families.py`, whose steps this script follows and whose functions it uses.

Two traps of the reference. The places of tokens come from version 4 and are handed to version 5 as `position_ids`:
left to itself, 5 goes on behind a video's height and width alone, and cannot place anything without
`mm_token_type_ids`. And what `hidden_states` shows of Qwen3-VL's first layers lacks what the tower adds behind them:
states are recorded as the next layer is given them.
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "vision"

IMAGE, VIDEO, START, END = 150, 151, 152, 153


# --- Places of tokens ----------------------------------------------------------------------------------------------
# This script runs itself under an interpreter that has transformers 4, which prints them.


def positions_of(model_class, config, inputs, **options):
    """`[3][T]` of each input, by the class's own rule."""
    import torch

    places = []
    for given in inputs:
        arguments = {"input_ids": torch.tensor([given["tokens"]])} | options
        seconds = []
        for kind in ("image", "video"):
            items = [item for item in given["media"] if item["kind"] == kind]
            if items:
                arguments[f"{kind}_grid_thw"] = torch.tensor([item["grid"] for item in items])
            if kind == "video":
                seconds = [item["seconds"] for item in items if "seconds" in item]
        if seconds:
            arguments["second_per_grid_ts"] = torch.tensor(seconds)
        if "mm_token_type_ids" in arguments:
            arguments["mm_token_type_ids"] = token_types([given["tokens"]])
        placed = model_class.get_rope_index(Rules(model_class, config), **arguments)[0]
        places.append(placed[:, 0].tolist())
    return places


class Rules(SimpleNamespace):
    """What `get_rope_index` reads of a model, without its weights."""

    def __init__(self, model_class, config):
        super().__init__(config=config)
        self.model_class = model_class

    def get_vision_position_ids(self, *values, **options):
        return self.model_class.get_vision_position_ids(self, *values, **options)


def token_types(texts):
    import torch

    return torch.tensor([[1 if t == IMAGE else 2 if t == VIDEO else 0 for t in text] for text in texts])


def print_positions(request):
    import transformers

    assert transformers.__version__.startswith("4."), transformers.__version__
    request = json.loads(request)
    config = getattr(transformers, request["config_class"])(**request["fields"])
    model_class = getattr(transformers, request["model_class"])
    print(json.dumps([transformers.__version__, positions_of(model_class, config, request["inputs"])]))


if sys.argv[1:2] == ["--print-positions"]:
    print_positions(sys.argv[2])
    sys.exit()

import importlib.util  # noqa: E402

import numpy as np  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

spec = importlib.util.spec_from_file_location("make_families", HERE / "make-families.py")
families = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = families  # its dataclasses look themselves up
spec.loader.exec_module(families)


# --- Inputs --------------------------------------------------------------------------------------------------------


class Input:
    """Tokens and media, put together from left to right."""

    def __init__(self):
        self.tokens, self.media = [], []

    def text(self, *tokens):
        self.tokens += tokens
        return self

    def _features(self, token, count):
        first = len(self.tokens)
        self.tokens += [token] * count
        return [first, len(self.tokens)]

    def image(self, height, width):
        self.text(START)
        place = self._features(IMAGE, height * width // 4)
        self.text(END)
        self.media.append({"kind": "image", "grid": [1, height, width], "tokens": [place]})
        return self

    def video(self, time, height, width, seconds):
        """All of a video's features side by side."""
        self.text(START)
        place = self._features(VIDEO, time * height * width // 4)
        self.text(END)
        self.media.append(
            {"kind": "video", "grid": [time, height, width], "tokens": [place], "seconds": seconds}
        )
        return self

    def stamped_video(self, time, height, width):
        """Each picture by itself, behind tokens that say its time."""
        places = []
        for picture in range(time):
            self.text(11, 20 + picture, START)
            places.append(self._features(VIDEO, height * width // 4))
            self.text(END)
        self.media.append({"kind": "video", "grid": [time, height, width], "tokens": places})
        return self

    def described(self):
        return {"tokens": self.tokens, "media": self.media}


def timed_inputs(has_seconds):
    """Videos have their features side by side; `has_seconds`: the model is told how far apart its pictures are."""
    inputs = [
        Input().text(5, 9, 17, 3, 8),
        Input().text(4, 2).image(4, 6).text(7),
        Input().text(6).image(4, 6).text(12, 13).image(2, 4).text(3, 9),
        Input().text(10, 4).video(2, 6, 10, 2.5).text(21, 22),
        Input().video(3, 2, 2, 0.5).text(30).image(6, 10).text(31),
        Input().text(40).video(3, 2, 2, 1.0).text(41),
        Input().text(2),
    ]
    described = [one.described() for one in inputs]
    if not has_seconds:
        for one in described:
            for item in one["media"]:
                item.pop("seconds", None)
    return described


def stamped_inputs():
    inputs = [
        Input().text(5, 9, 17, 3, 8),
        Input().text(4, 2).image(4, 6).text(7),
        Input().text(6).image(4, 6).text(12, 13).image(2, 4).text(3, 9),
        Input().text(3).stamped_video(3, 4, 6).text(8).image(2, 2).text(12),
        Input().text(10).stamped_video(2, 8, 14).text(13),
        Input().image(12, 2).text(14, 15),
        Input().text(2),
    ]
    return [one.described() for one in inputs]


# --- Cases ---------------------------------------------------------------------------------------------------------


@dataclass
class VisionCase(families.Case):
    inputs: list = field(default_factory=list)
    # Replaces the written config.json: as files of the first such models have it, all in one object.
    flat: dict | None = None
    # Whether states, gradients and an adapter are recorded beside vectors.
    is_whole: bool = False


LANGUAGE_LINEARS = r"(.*\.)?language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
TOKENS = dict(image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START, vision_end_token_id=END)
TEXT = dict(
    vocab_size=160, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-3, max_position_embeddings=256,
)  # fmt: skip
PATCHES = dict(patch_size=4, spatial_merge_size=2, temporal_patch_size=2)
KINDS = {kind + "Model": kind for kind in ("Qwen2VL", "Qwen2_5_VL", "Qwen3VL")}
VISION = {
    "Qwen2VL": dict(PATCHES, depth=2, embed_dim=16, hidden_size=32, num_heads=2, mlp_ratio=2),
    "Qwen2_5_VL": dict(
        PATCHES, depth=4, hidden_size=16, intermediate_size=24, out_hidden_size=32, num_heads=2, window_size=16,
        fullatt_block_indexes=[1, 3], tokens_per_second=2,
    ),
    "Qwen3VL": dict(
        PATCHES, depth=4, hidden_size=16, intermediate_size=24, out_hidden_size=32, num_heads=2,
        num_position_embeddings=40, deepstack_visual_indexes=[2, 0],
    ),
}  # fmt: skip


def fields_of(kind, is_v4, text=(), theta=5000.0):
    """Keyword arguments of a config class; sections add up to half of a head."""
    if kind == "Qwen3VL":
        rope = dict(rope_type="default", mrope_section=[3, 3, 2], mrope_interleaved=True)
        own = dict(head_dim=16, num_hidden_layers=4)
    else:
        rope = dict(rope_type="default", mrope_section=[2, 1, 1])
        own = {}
    written = dict(rope_theta=theta, rope_scaling=rope) if is_v4 else dict(rope_parameters=rope | {"rope_theta": theta})
    return dict(text_config=TEXT | own | written | dict(text), vision_config=VISION[kind]) | TOKENS


def flat_config(model_type, kind, text):
    """config.json as the first checkpoints have it; tokens and sections by their old names, and fields nobody reads."""
    vision = dict(VISION[kind], in_chans=3, spatial_patch_size=PATCHES["patch_size"])
    tokens = TOKENS | dict(bos_token_id=1, eos_token_id=2, vision_token_id=154)
    return tokens | TEXT | dict(
        architectures=["Model"], attention_dropout=0.0, hidden_act="silu", initializer_range=0.02, max_window_layers=3,
        model_type=model_type, rope_theta=5000.0, sliding_window=256, tie_word_embeddings=False, torch_dtype="bfloat16",
        transformers_version="4.41.2", use_cache=True, use_sliding_window=False, vision_config=vision,
    ) | text  # fmt: skip


def qwen_cases(kind, name, seed, inputs):
    base, task = f"{kind}Model", f"{kind}ForConditionalGeneration"

    def case(suffix, offset, saved_class, **options):
        options = dict(fields=fields_of(kind, is_v4=False)) | options
        return VisionCase(
            name + suffix, seed + offset, saved_class, base, f"{kind}Config",
            texts=[one["tokens"] for one in inputs], pad=0, pooling="last_token", is_causal=True, inputs=inputs,
            **options,
        )  # fmt: skip

    yield case("", 0, base, is_whole=True, lora_targets=LANGUAGE_LINEARS)
    yield case(
        "-lm", 1, task, v4_fields=fields_of(kind, is_v4=True) | dict(architectures=[task], dtype="float32"),
        note="config of transformers 4, names of the task class",
    )  # fmt: skip
    yield case(
        "-base-v4", 2, base, v4_fields=fields_of(kind, is_v4=True) | dict(architectures=[base], dtype="float32"),
        note="config of transformers 4, names of the base class",
    )  # fmt: skip
    if kind == "Qwen3VL":
        yarn = dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mrope_section=[3, 3, 2],
            mrope_interleaved=True, rope_theta=5000.0,
        )  # fmt: skip
        text = dict(attention_bias=True, rope_parameters=yarn)
        yield case(
            "-yarn", 3, task, fields=fields_of(kind, is_v4=False, text=text),
            note="biases of attention; scaled frequencies before axes",
        )  # fmt: skip
        return
    yarn = {"type": "yarn", "mrope_section": [2, 1, 1], "factor": 4.0, "original_max_position_embeddings": 16}
    for suffix, offset, scaling in (("-flat", 3, {"type": "mrope", "mrope_section": [2, 1, 1]}), ("-yarn", 4, yarn)):
        yield case(
            suffix, offset, task,
            flat=flat_config(name.replace("-", "_").replace(".", "_"), kind, dict(rope_scaling=scaling)),
            note="all fields of the text model at the root; names of the task class",
        )  # fmt: skip


def all_cases():
    yield from qwen_cases("Qwen2VL", "qwen2-vl", 1101, timed_inputs(has_seconds=False))
    yield from qwen_cases("Qwen2_5_VL", "qwen2.5-vl", 1201, timed_inputs(has_seconds=True))
    yield from qwen_cases("Qwen3VL", "qwen3-vl", 1301, stamped_inputs())


# --- Runs ----------------------------------------------------------------------------------------------------------


@functools.cache
def version_and_positions(v4_python, config_class, model_class, inputs):
    """Who placed the tokens of all inputs (JSON), and where; the same for all cases of a family."""
    fields = fields_of(KINDS[model_class], is_v4=True)
    request = {"config_class": config_class, "model_class": model_class, "inputs": json.loads(inputs), "fields": fields}
    command = [v4_python, str(Path(__file__).resolve()), "--print-positions", json.dumps(request)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def add_positions(case, v4_python):
    """Version 4's places of all tokens; where version 5 has no other rule, they are compared."""
    if v4_python is None:
        sys.exit("version 4 of transformers places the tokens; give --v4-python")
    for given in case.inputs:
        given.pop("positions", None)
    writer, places = version_and_positions(v4_python, case.config_class, case.loaded_class, json.dumps(case.inputs))
    model_class = getattr(transformers, case.loaded_class)
    config = getattr(transformers, case.config_class)(**fields_of(KINDS[case.loaded_class], is_v4=False))
    for given, placed in zip(case.inputs, places):
        is_the_same = case.loaded_class == "Qwen3VLModel" or all(i["kind"] == "image" for i in given["media"])
        if is_the_same:
            other = positions_of(model_class, config, [given], mm_token_type_ids=None)
            assert other == [placed], f"{case.name}: {other}, not {placed}"
        given["positions"] = placed
    return "transformers " + writer


def rows_of(case, index):
    """The patches of each item of an input: `[rows, numbers of a patch]`."""
    vision = case.fields["vision_config"]
    width = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
    return [
        torch.from_numpy(families.generate(
            case.seed, f"rows.{index}.{number}", [int(np.prod(item["grid"])), width], 0.0, 1.5
        ))
        for number, item in enumerate(case.inputs[index]["media"])
    ]  # fmt: skip


def arguments_of(case, indexes, side="right"):
    """What the model is given of some inputs, padded to the longest."""
    inputs = [case.inputs[index] for index in indexes]
    ids, mask = families.batch_of([one["tokens"] for one in inputs], case.pad, side)
    places = torch.ones(3, *ids.shape, dtype=torch.long)
    for row, one in enumerate(inputs):
        places[:, row, mask[row] == 1] = torch.tensor(one["positions"])
    arguments = {"input_ids": ids, "attention_mask": mask, "position_ids": places}
    for kind, name in (("image", ""), ("video", "_videos")):
        rows, grids = [], []
        for index in indexes:
            for item, values in zip(case.inputs[index]["media"], rows_of(case, index)):
                if item["kind"] == kind:
                    rows.append(values)
                    grids.append(item["grid"])
        if rows:
            arguments[f"pixel_values{name}"] = torch.cat(rows)
            arguments[f"{kind}_grid_thw"] = torch.tensor(grids)
    return arguments, mask


class Recorder:
    """Keeps what each layer of the text model is given, and the final norm."""

    def __init__(self, model):
        layers = list(model.language_model.layers) + [model.language_model.norm]
        self.states = [None] * len(layers)
        for index, layer in enumerate(layers):
            layer.register_forward_pre_hook(self.keep(index), with_kwargs=True)

    def keep(self, index):
        def enter(_, inputs, keywords):
            self.states[index] = inputs[0] if inputs else keywords["hidden_states"]

        return enter


def features_of(case, model, index):
    """What the tower makes of an input's items, in their order, with what it adds to layers behind it."""
    features = []
    for item, rows in zip(case.inputs[index]["media"], rows_of(case, index)):
        made = model.visual(rows, grid_thw=torch.tensor([item["grid"]]))
        features.append(torch.cat([made.pooler_output, *getattr(made, "deepstack_features", [])], dim=1))
    return features


def record(case, model):
    """The tensors of NAME.safetensors, and the check of padded batches."""
    recorder = Recorder(model)
    singles = []
    everything = range(len(case.inputs))
    with torch.no_grad():
        for index in everything:
            arguments, _ = arguments_of(case, [index])
            last = model(**arguments).last_hidden_state[0]
            singles.append([state[0].clone() for state in recorder.states] + [last])
        for side in case.padding_sides:
            arguments, mask = arguments_of(case, everything, side)
            last = model(**arguments).last_hidden_state
            for number, states in enumerate([*recorder.states, last]):
                for row, single in enumerate(singles):
                    expected = single[number]
                    difference = (states[row][mask[row] == 1] - expected).abs().max().item()
                    limit = families.AGREEMENT * max(1.0, expected.abs().max().item())
                    assert difference <= limit, f"{case.name}: {side} padding, state {number}: {difference}"
        features = [one for index in everything for one in features_of(case, model, index)]
    names = [f"block.{number}" for number in range(len(recorder.states))] + ["last"]
    tensors = {"last_token": torch.stack([single[-1][-1] for single in singles])}
    if case.is_whole:
        tensors |= {name: torch.cat([single[i] for single in singles]) for i, name in enumerate(names)}
        tensors["features"] = torch.cat(features)
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def backward(case, model):
    """Gradients of `sum over inputs s of normalised vector s · r_s`, one by one; returns loss and vectors."""
    total, vectors = 0.0, []
    for index in range(len(case.inputs)):
        arguments, _ = arguments_of(case, [index])
        last = model(**arguments).last_hidden_state[0, -1]
        vector = torch.nn.functional.normalize(last, dim=-1)
        direction = torch.from_numpy(families.generate(case.seed, f"loss.{index}", [len(vector)], 0.0, 1.0))
        loss = vector @ direction
        loss.backward()
        total += loss.item()
        vectors.append(last.detach())
    return total, {"last_token": torch.stack(vectors)}


# --- Files ---------------------------------------------------------------------------------------------------------


def make(case, v4_python):
    placed_by = add_positions(case, v4_python)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, tensors, weights, writer = families.write_checkpoint(case, folder, v4_python)
        if case.flat:
            config, writer = case.flat, "by hand, as the first such models have it"
            (folder / "config.json").write_text(json.dumps(config))
        model, names = families.load_model(case, folder, weights)
        recorded = record(case, model)
        used = {names[name] for name, _ in model.named_parameters()}
        content = {
            "provenance": {
                "script": Path(__file__).name, "config": writer, "positions": placed_by,
                "saved_class": case.saved_class, "loaded_class": case.loaded_class,
                "versions": {
                    "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
                    "numpy": np.__version__,
                },
            },
            "note": case.note, "config": config, "seed": case.seed, "texts": case.texts, "inputs": case.inputs,
            "isCausal": True, "pooling": "last_token", "tensors": tensors, "unused": sorted(weights.keys() - used),
        }  # fmt: skip
        if case.is_whole:
            loss, _ = backward(case, model)
            gradients = [families.summary(case, names[n], p.grad) for n, p in model.named_parameters()]
            content |= {"loss": families.digits(loss), "gradients": sorted(gradients, key=lambda g: g["name"])}
            adapted = families.load_model(case, folder, weights)[0]
            content["lora"], vectors = families.run_lora(case, adapted, backward)
            recorded |= vectors
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{case.name}.json").write_text(families.to_json(content) + "\n")
    save_file(recorded, OUTPUT / f"{case.name}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="make this case alone; may be repeated")
    parser.add_argument("--v4-python", metavar="PYTHON", help="an interpreter that has transformers 4.57.6 and torch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = {case.name: case for case in all_cases()}
    unknown = set(options.only or []) - cases.keys()
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    for name in options.only or cases:
        make(cases[name], options.v4_python)
        print(name)


if __name__ == "__main__":
    main()
