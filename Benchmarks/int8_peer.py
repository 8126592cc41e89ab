"""ONNX Runtime with dynamic int8, as its users run it: the peer of the section `int8`.

    python Benchmarks/int8_peer.py export MODEL FOLDER              writes FOLDER/f32.onnx and FOLDER/int8.onnx
    python Benchmarks/int8_peer.py encode FILE.onnx MODEL TEXTS.jsonl OUTPUT.npy

Texts are those of `document_text`, sorted by length, 32 to a batch, cut at 256 tokens; mean pooling, length 1. Prints one
JSON line; its seconds leave out importing and loading.
"""

import json
import os
import sys
import time

import numpy

THREADS, BATCH, LONGEST = 2, 32, 256


def export(folder, output):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from transformers import AutoModel

    os.makedirs(output, exist_ok=True)
    whole, prepared, small = (f"{output}/{name}.onnx" for name in ["f32", "prepared", "int8"])
    if os.path.exists(small):
        return {}
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    # Two tensors: one that is given twice would become one input of the graph.
    ids, mask = torch.randint(1000, 2000, (2, 8)), torch.ones((2, 8), dtype=torch.long)
    names = ["input_ids", "attention_mask"]
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    torch.onnx.export(
        Hidden().eval(), (ids, mask), whole, input_names=names, output_names=["hidden"], external_data=False,
        dynamic_shapes={name: axes for name in names}, dynamo=True)
    quant_pre_process(whole, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, small + ".part", weight_type=QuantType.QInt8, per_channel=True)
    os.rename(small + ".part", small)
    return {}


def encode(path, folder, texts, output):
    import onnxruntime
    from tokenizers import Tokenizer

    with open(texts) as file:
        texts = [json.loads(line)["document_text"] for line in file]
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(LONGEST)
    tokenizer.enable_padding(length=None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
    rows = numpy.empty((len(texts), 384), numpy.float32)
    start = time.perf_counter()
    for first in range(0, len(order), BATCH):
        chosen = order[first : first + BATCH]
        encoded = tokenizer.encode_batch([texts[number] for number in chosen])
        mask = numpy.array([one.attention_mask for one in encoded], numpy.int64)
        hidden = session.run(None, {"input_ids": numpy.array([one.ids for one in encoded], numpy.int64), "attention_mask": mask})[0]
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        rows[chosen] = pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)
    seconds = time.perf_counter() - start
    numpy.save(output, rows)
    return {"seconds": seconds, "packages": f"onnxruntime {onnxruntime.__version__}"}


def main():
    command, *arguments = sys.argv[1:]
    print(json.dumps({"export": export, "encode": encode}[command](*arguments)))


if __name__ == "__main__":
    main()
