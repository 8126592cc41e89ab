#!/usr/bin/env python3
"""Writes tiny towers with random weights: as other programs keep them, and as transformers does.

- whisper.bin: an encoder and a decoder, by CTranslate2's own converter, in float16.
- dinov2.onnx: a backbone and a convolution behind it, by PyTorch's exporter; parameters are called as in published files
  and in transformers 4, since transformers 5 calls its modules otherwise.
- whisper.json, dinov2.json: type, shape and SHA-256 of the numbers of the same weights, by transformers' names.

Made with torch 2.13.0, transformers 5.24.0, ctranslate2 4.8.5 and onnx 1.23.2, by

    python3 make_golden.py
"""

import hashlib
import json
import os

import onnx
import torch
from ctranslate2.converters.transformers import WhisperLoader
from transformers import Dinov2Config, Dinov2Model, WhisperConfig, WhisperForConditionalGeneration

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def describe(tensors, name):
    described = {
        name: {
            "type": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "sha256": hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest(),
        }
        for name, tensor in sorted(tensors.items())
    }
    with open(path(name), "w") as file:
        json.dump(described, file, indent=1)
        file.write("\n")


def noisy(model):
    """Biases and norms begin at 0 and 1, which would hide a mix-up."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def whisper():
    config = WhisperConfig(
        vocab_size=24, d_model=64, encoder_layers=2, decoder_layers=1, encoder_attention_heads=1,
        decoder_attention_heads=1, encoder_ffn_dim=96, decoder_ffn_dim=64, num_mel_bins=8, max_source_positions=100,
        max_target_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        suppress_tokens=[], begin_suppress_tokens=[],
    )  # fmt: skip
    model = noisy(WhisperForConditionalGeneration(config)).half()
    spec = WhisperLoader().get_model_spec(model)
    spec.register_vocabulary([str(token) for token in range(config.vocab_size)])
    spec.validate()
    spec.optimize(quantization="float16")
    spec._serialize(path("whisper.bin"))
    encoder = model.model.encoder.state_dict()
    describe({"model.encoder." + name: tensor for name, tensor in encoder.items()}, "whisper.json")


class Map(torch.nn.Module):
    """A backbone's patches, and one number for each."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.decoder = torch.nn.Conv2d(backbone.config.hidden_size, 1, 1)

    def forward(self, pixels):
        rows = self.backbone(pixels).last_hidden_state[:, 1:]
        return self.decoder(rows.transpose(1, 2).reshape(rows.shape[0], -1, 3, 3))


def published(name):
    """As transformers 4 calls a parameter."""
    if not name.endswith((".weight", ".bias")):
        return name
    for new, old in {"q": "attention.query", "k": "attention.key", "v": "attention.value", "o": "output.dense"}.items():
        name = name.replace(f".attention.{new}_proj.", f".attention.{old}.")
    return name


def dinov2():
    config = Dinov2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=1, mlp_ratio=2, image_size=12, patch_size=4,
        use_mask_token=False,
    )  # fmt: skip
    backbone = noisy(Dinov2Model(config))
    torch.onnx.export(
        Map(backbone).eval(), (torch.zeros(1, 3, 12, 12),), path("dinov2.onnx"), input_names=["pixels"],
        dynamic_axes={"pixels": {0: "batch", 2: "height", 3: "width"}}, opset_version=14, dynamo=False,
    )  # fmt: skip
    model = onnx.load(path("dinov2.onnx"))
    for tensor in model.graph.initializer:
        tensor.name = published(tensor.name)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = published(name)
    onnx.save(model, path("dinov2.onnx"))
    describe({published(name): tensor for name, tensor in backbone.state_dict().items()}, "dinov2.json")


if __name__ == "__main__":
    torch.manual_seed(7)
    whisper()
    dinov2()
