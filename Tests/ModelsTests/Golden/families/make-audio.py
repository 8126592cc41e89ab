"""Makes the golden files of models with towers: Qwen2.5-Omni's thinker, Whisper's encoder, DINOv2, a graft of them.

    python make-audio.py [--only NAME]...

Made with torch 2.13.0 and transformers 5.24.0, float32, eager attention, one thread, no network. Each case is a
NAME.json and a NAME.safetensors in the folder `audio` beside this script. As in make-families.py, whose generator is
used, no weights are stored: they are a function of the case's seed and of names. So is what towers are given: item j of
input i holds values generated under the name `media.i.j`, `[rows, width]`, center 0, spread 1.

NAME.json: `config`, `seed`, `tensors` as in make-families.py; `inputs`: tokens, and media with their tower, shape,
ranges of tokens and, for videos, seconds between steps; `loss` and `gradients`: of the sum over inputs of the last
token's normalised state (of the graft: of their mean) times `loss.i` (models), or of all rows times `loss` (towers
alone), with norms and projections as in make-families.py.

NAME.safetensors: `audio`, `vision`: rows of all items of a tower, in order; `positions`: `[3, T]` (models with text);
`last`: last_hidden_state of all inputs, one behind the other. Padded batches are checked to give the same.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("make_families", HERE / "make-families.py")
families = importlib.util.module_from_spec(spec)
sys.modules["make_families"] = families
spec.loader.exec_module(families)

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

digits, generate, summary, to_json = families.digits, families.generate, families.summary, families.to_json
AUDIO, IMAGE, VIDEO, VISION_START, AUDIO_START = 60, 61, 62, 58, 56


def distribution(name, shape):
    if name.endswith(("position_embeddings", "embed_positions.weight", "cls_token")):
        return 0.0, 1.0
    return families.distribution(name, shape, 1.0)


def checkpoint(case, folder):
    """An empty checkpoint of the class that users save, then generated values under the names of the case's file."""
    torch.manual_seed(0)
    case.saved(case.config).save_pretrained(folder)
    stored = load_file(folder / "model.safetensors")
    prefix = case.file_prefix
    tensors = []
    for name in sorted(stored):
        center, spread = distribution(name, list(stored[name].shape))
        tensors.append(
            {"name": prefix + name, "shape": list(stored[name].shape), "center": center, "spread": spread}
        )
    weights = {t["name"][len(prefix) :]: torch.from_numpy(generate(case.seed, **t)) for t in tensors}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    for extra, shape in case.extra_tensors:
        tensors.append({"name": extra, "shape": shape, "center": 0.0, "spread": 1.0})
    return case.change(config), tensors, weights


def load(case, folder, weights):
    """The base class with the name in the file of each parameter; halves of fused weights are matched as such."""
    model, report = case.loaded.from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    model.eval()
    if case.part:
        model = getattr(model, case.part)
    names = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.endswith("embed_positions.weight"))
        equal = [k for k, w in weights.items() if w.shape == parameter.shape and torch.equal(w, parameter)]
        halves = [
            (k, half) for k, w in weights.items() if "weights_in" in k
            for half, part in enumerate(w.chunk(2)) if part.shape == parameter.shape and torch.equal(part, parameter)
        ]  # fmt: skip
        assert len(equal) + len(halves) == 1, f"{case.name}: {name}"
        names[name] = (equal[0], None) if equal else halves[0]
    return model, names


def gradients(case, model, names):
    """Of parameters under their names in the file; halves are put together."""
    parts = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            written, half = names[name]
            parts.setdefault(case.file_prefix + written, {})[half or 0] = parameter.grad
    return sorted(
        (summary(case, name, torch.cat([found[half] for half in sorted(found)])) for name, found in parts.items()),
        key=lambda entry: entry["name"],
    )


@dataclass
class Case:
    name: str
    seed: int
    saved: type
    loaded: type
    config: object
    inputs: list
    note: str
    part: str = ""  # of the loaded model
    file_prefix: str = ""
    extra_tensors: list = field(default_factory=list)
    change: object = staticmethod(lambda config: config)


def rows(case, index, number, width):
    item = case.inputs[index]["media"][number]
    shape = item["shape"]
    count = shape[0] if len(shape) == 1 else shape[0] * shape[1] * shape[2]
    return torch.from_numpy(generate(case.seed, f"media.{index}.{number}", [count, width], 0.0, 1.0))


# --- Qwen2.5-Omni --------------------------------------------------------------------------------------------------


def omni_config():
    return transformers.Qwen2_5OmniThinkerConfig(
        text_config=dict(
            hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=64, max_position_embeddings=256, rms_norm_eps=1e-3, pad_token_id=0,
            rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
        ),
        vision_config=dict(
            depth=4, hidden_size=16, intermediate_size=24, num_heads=2, window_size=16, patch_size=4,
            fullatt_block_indexes=[1, 3], out_hidden_size=32,
        ),
        audio_config=dict(
            num_mel_bins=8, d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=24, n_window=5,
            max_source_positions=30, output_dim=32,
        ),
        audio_token_index=AUDIO, image_token_index=IMAGE, video_token_index=VIDEO, audio_start_token_id=AUDIO_START,
        audio_end_token_id=57, vision_start_token_id=VISION_START, vision_end_token_id=59,
    )  # fmt: skip


def omni_input(*parts):
    """Tokens and media of text (a number of tokens), sounds (frames,), pictures (t, h, w) and videos (t, h, w, s)."""
    tokens, media = [], []
    for part in parts:
        if isinstance(part, int):
            tokens += [5 + (7 * (len(tokens) + k)) % 50 for k in range(part)]
            continue
        is_audio = len(part) == 1
        count = ((part[0] - 1) // 2 + 1) // 2 if is_audio else part[0] * part[1] * part[2] // 4
        tokens.append(AUDIO_START if is_audio else VISION_START)
        start = len(tokens)
        tokens += [AUDIO if is_audio else IMAGE if len(part) == 3 else VIDEO] * count
        media.append(
            {"tower": "audio" if is_audio else "vision", "shape": list(part[:3]), "tokens": [start, len(tokens)]}
            | ({"seconds": part[3]} if len(part) == 4 else {})
        )
        tokens.append(57 if is_audio else 59)
    return {"tokens": tokens, "media": media}


def omni_cases():
    inputs = [
        omni_input(9),
        omni_input(3, (23,), 2, (1, 4, 6), 4),
        omni_input((3, 4, 4, 1.5), 1, (10,), 2),
        omni_input((41,), (3,), 1),
        omni_input(2, (2, 2, 6, 0.7), (1, 6, 10), 3),
    ]
    saved, loaded = transformers.Qwen2_5OmniThinkerForConditionalGeneration, transformers.Qwen2_5OmniThinkerModel
    yield Case(
        "omni", 2101, saved, loaded, omni_config(), inputs,
        "the thinker with its head; pieces of 10 frames whose 5 rows are odd, so that pairs cross them; ragged windows",
    )  # fmt: skip
    talker = [("talker.model.norm.weight", [8]), ("token2wav.code2wav_dit_model.proj.bias", [3])]
    yield Case(
        "omni-whole", 2102, saved, loaded, omni_config(), inputs[1:3],
        "the whole model's file: thinker_config, thinker. before names, and what speaks", file_prefix="thinker.",
        extra_tensors=talker,
        change=lambda config: {
            "model_type": "qwen2_5_omni", "architectures": ["Qwen2_5OmniModel"], "thinker_config": config,
            "talker_config": {"model_type": "qwen2_5_omni_talker"},
            "token2wav_config": {"model_type": "qwen2_5_omni_token2wav"}, "enable_audio_output": True,
        },
    )  # fmt: skip


def omni_arguments(case, chosen, side=None):
    """What the model is given for some inputs; padded on one side where there are several."""
    ids, mask = families.batch_of([case.inputs[i]["tokens"] for i in chosen], 0, side or "right")
    arguments = {"input_ids": ids, "attention_mask": mask}
    images, videos, sounds = [], [], []
    for i in chosen:
        for j, item in enumerate(case.inputs[i]["media"]):
            kind = sounds if item["tower"] == "audio" else videos if "seconds" in item else images
            kind.append((item, rows(case, i, j, 8 if item["tower"] == "audio" else 96)))
    for key, grid, kind in (
        ("pixel_values", "image_grid_thw", images), ("pixel_values_videos", "video_grid_thw", videos)
    ):  # fmt: skip
        if kind:
            arguments[key] = torch.cat([values for _, values in kind])
            arguments[grid] = torch.tensor([item["shape"] for item, _ in kind])
    if videos:
        arguments["video_second_per_grid"] = torch.tensor([item["seconds"] for item, _ in videos])
    if sounds:
        longest = max(len(values) for _, values in sounds)
        features = torch.zeros(len(sounds), 8, longest)
        present = torch.zeros(len(sounds), longest, dtype=torch.long)
        for index, (_, values) in enumerate(sounds):
            features[index, :, : len(values)] = values.T
            present[index, : len(values)] = 1
        arguments |= {"input_features": features, "feature_attention_mask": present}
    return arguments


def omni_positions(case, model, index):
    arguments = omni_arguments(case, [index])
    present = arguments.get("feature_attention_mask")
    positions, _ = model.get_rope_index(
        arguments["input_ids"], arguments.get("image_grid_thw"), arguments.get("video_grid_thw"),
        arguments["attention_mask"], False, None if present is None else present.sum(1),
        arguments.get("video_second_per_grid"),
    )  # fmt: skip
    return positions[:, 0]


def omni_record(case, model):
    features = {"audio": [], "vision": []}
    with torch.no_grad():
        for i, given in enumerate(case.inputs):
            for j, item in enumerate(given["media"]):
                if item["tower"] == "audio":
                    values = rows(case, i, j, 8)
                    made = model.audio_tower(values.T, feature_lens=torch.tensor([len(values)])).last_hidden_state
                else:
                    grid = torch.tensor([item["shape"]])
                    made = model.visual(rows(case, i, j, 96), grid_thw=grid).pooler_output
                features[item["tower"]].append(made)
        # Two frames give nothing, between others too.
        three = torch.from_numpy(generate(case.seed, "short", [36, 8], 0.0, 1.0))
        short = model.audio_tower(three.T, feature_lens=torch.tensor([23, 2, 11])).last_hidden_state
        lasts = [model(**omni_arguments(case, [i])).last_hidden_state[0] for i in range(len(case.inputs))]
        for side in ("left", "right"):
            arguments = omni_arguments(case, range(len(case.inputs)), side)
            together = model(**arguments).last_hidden_state
            for row, single in enumerate(lasts):
                difference = (together[row][arguments["attention_mask"][row] == 1] - single).abs().max().item()
                assert difference <= 2e-5, f"{case.name}: {side} padding, input {row}: {difference}"
    return {name: torch.cat(parts) for name, parts in features.items()} | {
        "short": short, "last": torch.cat(lasts),
        "positions": torch.cat([omni_positions(case, model, i) for i in range(len(case.inputs))], 1).float(),
    }  # fmt: skip


def omni_backward(case, model):
    total = 0.0
    for index in range(len(case.inputs)):
        last = model(**omni_arguments(case, [index])).last_hidden_state[0, -1]
        direction = torch.from_numpy(generate(case.seed, f"loss.{index}", [len(last)], 0.0, 1.0))
        loss = torch.nn.functional.normalize(last, dim=-1) @ direction
        loss.backward()
        total += loss.item()
    return total


# --- Towers of their own -------------------------------------------------------------------------------------------


def whisper_cases():
    config = transformers.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=8, max_source_positions=7, max_target_positions=8,
        vocab_size=20, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
    )  # fmt: skip
    sounds = [{"media": [{"tower": "audio", "shape": [14]}, {"tower": "audio", "shape": [14]}]}]
    for name, seed, saved, note in (
        ("whisper", 2201, transformers.WhisperForConditionalGeneration, "prefix model.encoder., a decoder"),
        ("whisper-base", 2202, transformers.WhisperModel, "prefix encoder., a decoder"),
    ):
        yield Case(name, seed, saved, transformers.WhisperModel, config, sounds, note, part="encoder")


def dinov2_cases():
    pictures = [{"media": [{"tower": "vision", "shape": [1, h, w]} for h, w in ((3, 3), (2, 4), (5, 3), (6, 8))]}]
    for name, seed, is_gated, saved, note in (
        ("dinov2", 2301, False, transformers.Dinov2Model, "pictures of other sizes than the table's 3 x 3 patches"),
        ("dinov2-gated", 2302, True, transformers.Dinov2ForImageClassification, "prefix dinov2., a head, SwiGLU"),
    ):
        config = transformers.Dinov2Config(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=13, patch_size=4, mlp_ratio=3,
            use_swiglu_ffn=is_gated, layer_norm_eps=1e-3, num_labels=2,
        )  # fmt: skip
        yield Case(name, seed, saved, transformers.Dinov2Model, config, pictures, note)


def tower_rows(case, model):
    made = []
    for j, item in enumerate(case.inputs[0]["media"]):
        if item["tower"] == "audio":
            made.append(model(rows(case, 0, j, 8).T[None]).last_hidden_state[0])
        else:
            _, height, width = item["shape"]
            # A row of a patch holds its colours one after another, each row by row.
            patches = rows(case, 0, j, 48).reshape(height, width, 3, 4, 4)
            picture = patches.permute(2, 0, 3, 1, 4).reshape(1, 3, 4 * height, 4 * width)
            made.append(model(picture).last_hidden_state[0])
    return torch.cat(made)


# --- A model that is put together ----------------------------------------------------------------------------------


class Grafted(torch.nn.Module):
    """What tvt makes of a BERT, a DINOv2 and a Whisper: features take the places of words' embeddings."""

    def __init__(self, parts):
        super().__init__()
        self.text, self.vision, self.audio = parts
        self.projector = torch.nn.ModuleDict({
            "vision": torch.nn.ModuleDict(
                {"mlp": torch.nn.ModuleDict({"up": torch.nn.Linear(64, 32), "down": torch.nn.Linear(32, 32)})}
            ),
            "audio": torch.nn.ModuleDict({"linear": torch.nn.Linear(7 * 16, 32)}),
        })  # fmt: skip

    def features(self, item, values):
        if item["tower"] == "audio":
            made = torch.cat([self.audio(piece.T[None]).last_hidden_state[0] for piece in values.split(14)])
            return self.projector["audio"]["linear"](made.reshape(-1, 7 * 16))
        _, height, width = item["shape"]
        # Patches come in squares of two by two.
        squares = values.reshape(height // 2, width // 2, 2, 2, 3, 4, 4)
        picture = squares.permute(4, 0, 2, 5, 1, 3, 6).reshape(1, 3, 4 * height, 4 * width)
        made = self.vision(picture).last_hidden_state[0]
        patches = made[1:].reshape(height // 2, 2, width // 2, 2, 16).permute(0, 2, 1, 3, 4).reshape(-1, 64)
        joined = torch.cat([made[:1].repeat(1, 4), patches])
        layers = self.projector["vision"]["mlp"]
        return layers["down"](torch.nn.functional.gelu(layers["up"](joined)))

    def forward(self, case, index):
        given = case.inputs[index]
        embedded = self.text.embeddings.word_embeddings(torch.tensor([given["tokens"]]))
        made = []
        for j, item in enumerate(given["media"]):
            features = self.features(item, rows(case, index, j, 8 if item["tower"] == "audio" else 48))
            start, end = item["tokens"]
            embedded = torch.cat([embedded[:, :start], features[None], embedded[:, end:]], 1)
            made.append((item["tower"], features))
        return self.text(inputs_embeds=embedded).last_hidden_state[0], made


def make_graft(name="graft", seed=2401):
    whisper, dinov2 = next(whisper_cases()), next(dinov2_cases())
    bert = transformers.BertConfig(**families.SIZES, max_position_embeddings=24, pad_token_id=0)
    tokens = [5, 6, 60, 60, 60, 7, 61, 61, 8, 9]
    inputs = [
        {"tokens": [11, 12, 13], "media": []},
        {"tokens": tokens, "media": [
            {"tower": "vision", "shape": [1, 2, 4], "tokens": [2, 5]},
            {"tower": "audio", "shape": [28], "tokens": [6, 8]},
        ]},
        {"tokens": [60] * 7 + [14], "media": [{"tower": "vision", "shape": [1, 4, 6], "tokens": [0, 7]}]},
    ]  # fmt: skip
    case = Case(name, seed, Grafted, Grafted, None, inputs, "a BERT with a DINOv2 and a Whisper before it")
    with tempfile.TemporaryDirectory() as temporary:
        # Names of files, not those that parameters have in memory.
        configs, written = {}, {}
        for part, model, prefix in (
            ("text", transformers.BertModel(bert, add_pooling_layer=False), ""),
            ("vision", transformers.Dinov2Model(dinov2.config), ""),
            ("audio", transformers.WhisperModel(whisper.config), "encoder."),
        ):
            folder = Path(temporary) / part
            model.save_pretrained(folder)
            configs[part] = json.loads((folder / "config.json").read_text())
            stored = load_file(folder / "model.safetensors")
            written[part] = {n[len(prefix) :]: t.shape for n, t in stored.items() if n.startswith(prefix)}
            written[part].pop("embeddings.mask_token", None)
        projector = Grafted((None,) * 3).state_dict()
        shapes = {f"{part}.{n}": list(shape) for part, found in written.items() for n, shape in found.items()}
        shapes |= {n: list(tensor.shape) for n, tensor in projector.items()}
        tensors = []
        for n in sorted(shapes):
            center, spread = distribution(n, shapes[n])
            tensors.append({"name": n, "shape": shapes[n], "center": center, "spread": spread})
        weights = {t["name"]: torch.from_numpy(generate(seed, **t)) for t in tensors}
        parts = []
        for part, loaded, prefix in (
            ("text", transformers.BertModel, ""), ("vision", transformers.Dinov2Model, ""),
            ("audio", transformers.WhisperModel, "encoder."),
        ):  # fmt: skip
            folder = Path(temporary) / part
            stored = load_file(folder / "model.safetensors")
            own = {n: weights.get(f"{part}.{n[len(prefix) :]}") if n.startswith(prefix) else None for n in stored}
            save_file({n: stored[n] if own[n] is None else own[n] for n in stored}, folder / "model.safetensors",
                      metadata={"format": "pt"})  # fmt: skip
            options = {"add_pooling_layer": False} if part == "text" else {}
            model = loaded.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, **options)
            parts.append((model.encoder if part == "audio" else model).eval())
    model = Grafted(parts)
    model.load_state_dict({n: weights[n] for n in projector}, strict=False)
    for n, parameter in model.named_parameters():
        parameter.requires_grad_("embed_positions" not in n and "mask_token" not in n)
    names = {}
    for n, parameter in model.named_parameters():
        equal = [k for k, w in weights.items() if w.shape == parameter.shape and torch.equal(w, parameter)]
        names[n] = (equal[0], None) if equal else (n, None)
        assert equal or "mask_token" in n, n
    total, lasts, features = 0.0, [], {"audio": [], "vision": []}
    for index in range(len(inputs)):
        last, made = model(case, index)
        lasts.append(last.detach())
        for tower, values in made:
            features[tower].append(values.detach())
        direction = torch.from_numpy(generate(seed, f"loss.{index}", [32], 0.0, 1.0))
        loss = torch.nn.functional.normalize(last.mean(0), dim=-1) @ direction
        loss.backward()
        total += loss.item()
    config = {
        "model_type": "tvt_graft", "text_config": configs["text"], "vision_config": configs["vision"],
        "audio_config": configs["audio"], "image_token_id": 60, "audio_token_id": 61,
        "vision_projector": {
            "type": "mlp", "merge_size": 2, "inner_size": 32, "activation": "gelu", "keeps_class_token": True,
        },
        "audio_projector": {"type": "linear", "merge_size": 7},
    }  # fmt: skip
    write(case, config, tensors, total, gradients(case, model, names),
          {"last": torch.cat(lasts)} | {tower: torch.cat(found) for tower, found in features.items()})  # fmt: skip


def write(case, config, tensors, loss, found, recorded):
    content = {
        "provenance": {
            "script": Path(__file__).name, "saved_class": case.saved.__name__, "loaded_class": case.loaded.__name__,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        },
        "note": case.note, "config": config, "seed": case.seed, "inputs": case.inputs,
        "texts": [given.get("tokens", []) for given in case.inputs], "tensors": tensors, "loss": digits(loss),
        "gradients": found,
    }  # fmt: skip
    (HERE / "audio" / f"{case.name}.json").write_text(to_json(content) + "\n")
    recorded = {name: tensor.contiguous() for name, tensor in recorded.items()}
    save_file(recorded, HERE / "audio" / f"{case.name}.safetensors")


def make(case):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, tensors, weights = checkpoint(case, folder)
        model, names = load(case, folder, weights)
        if case.name.startswith("omni"):
            recorded = omni_record(case, model)
            loss = omni_backward(case, model)
        else:
            made = tower_rows(case, model)
            recorded = {case.inputs[0]["media"][0]["tower"]: made.detach()}
            total = (made * torch.from_numpy(generate(case.seed, "loss", list(made.shape), 0.0, 1.0))).sum()
            total.backward()
            loss = total.item()
        write(case, config, tensors, loss, gradients(case, model, names), recorded)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="make this case alone; may be repeated")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    groups = (omni_cases, whisper_cases, dinov2_cases)
    cases = {case.name: lambda case=case: make(case) for group in groups for case in group()} | {"graft": make_graft}
    unknown = set(options.only or []) - cases.keys()
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    for name in options.only or cases:
        cases[name]()
        print(name)


if __name__ == "__main__":
    main()
