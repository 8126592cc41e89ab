"""AdamW with moments in 8 bits by bitsandbytes, on the CPU: parameters and states after each of four steps.

    python reference_moments.py FOLDER

writes moments.safetensors. The rounding is that of bitsandbytes' portable backend, to the nearest value; its compiled one
for the CPU (0.50.2) takes a neighbour, or one further off, for some numbers.
"""
import sys

import bitsandbytes
import bitsandbytes.backends.cpu.ops as cpu
import bitsandbytes.backends.default.ops  # noqa: F401
import torch
from safetensors.torch import save_file

COUNT, STEPS, BLOCK = 700, 4, 256


def quantize(values, code, scales, codes, block):
    """bitsandbytes/backends/default/ops.py, quantize_blockwise, by the steps that it documents."""
    padded = torch.nn.functional.pad(values, (0, -len(values) % block)).view(-1, block)
    largest = padded.abs().amax(1)
    scaled = (padded / largest.clamp(min=1e-38)[:, None]).flatten()[: len(values)]
    codes.copy_(torch.bucketize(scaled, (code[:-1] + code[1:]) / 2, out_int32=True))
    scales.copy_(largest)


def dequantize(codes, scales, code, block):
    return code[codes.long()] * scales.repeat_interleave(block)[: len(codes)]


cpu._quant_blockwise_fp32_direct = quantize
cpu._dequant_blockwise_fp32_direct = dequantize

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(5)
parameter = torch.nn.Parameter(torch.randn(COUNT, generator=generator))
optimizer = bitsandbytes.optim.AdamW8bit(
    [parameter], lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, min_8bit_size=0)
tensors = {"parameter.0": parameter.detach().clone()}
for step in range(1, STEPS + 1):
    # Of two magnitudes, and none so small that its second moment becomes 0.
    gradient = torch.randn(COUNT, generator=generator)
    gradient = gradient.sign() * (0.05 + gradient.abs()) * 0.1 ** (torch.arange(COUNT) % 2)
    parameter.grad = gradient
    optimizer.step()
    state = optimizer.state[parameter]
    assert step > 1 or state["state1"].dtype == torch.uint8
    assert state["state2"].min() > 0
    tensors |= {
        f"gradient.{step}": gradient, f"parameter.{step}": parameter.detach().clone(),
        f"first.{step}": state["state1"].clone(), f"second.{step}": state["state2"].clone(),
        f"first_scales.{step}": state["absmax1"].clone(), f"second_scales.{step}": state["absmax2"].clone()}
# The values themselves.
tensors |= {"signed": optimizer.name2qmap["dynamic"], "unsigned": optimizer.name2qmap["udynamic"]}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, sys.argv[1] + "/moments.safetensors")
