# bitsandbytes 0.50.2: on the CPU quantize_blockwise does not take the nearest of its 256 values; zero becomes 2·10⁻⁵ of the largest
#
# The compiled quantizer of the CPU is off as if it rounded to steps of 2⁻¹⁵ first: beside the middle between two of the map's values a
# number goes to the wrong one, and none goes to those closer to zero than that, zero's own among them. It is little of the largest
# of a block and much of the number itself, as in Adam's second moments: there up to 7 codes, and AdamW8bit moves weights that
# never had a gradient. Numbers of 16 bits have no zero either. bitsandbytes' portable quantizer takes the nearest.
#
# Seen (of each block's largest; excess over the error of the nearest):
#   signed map, normal numbers: not nearest 0.15 %, by 3 codes at most, excess 3.0e-05 at most
#   unsigned map, their squares: not nearest 3.10 %, by 7 codes at most, excess 3.0e-05 at most
#   signed map: 7 values are never taken, all from -7.7e-06 to 7.7e-06; zero becomes 2.1e-05
#   unsigned map: 11 values are never taken, all from 0.0e+00 to 8.3e-05; zero becomes 1.6e-05
#   bfloat16: zero becomes 2.1e-05, float16: zero becomes 2.1e-05
#   weights without gradient after two steps: AdamW 0.0e+00, AdamW8bit -3.6e-06
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 numpy==2.4.6 bitsandbytes==0.50.2
PYTHONPATH=$folder/py python3 - 2>"$folder/log" <<'P' || { cat "$folder/log" >&2; exit 1; }
import sys
import torch
from bitsandbytes.functional import create_dynamic_map, dequantize_blockwise, quantize_blockwise
from bitsandbytes.optim import AdamW8bit

good = True
normal = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))
maps = {"signed": create_dynamic_map(signed=True), "unsigned": create_dynamic_map(signed=False)}
for name, kind, numbers, off in [("signed", "normal numbers", normal, 3), ("unsigned", "their squares", normal**2, 7)]:
    values = maps[name].double()
    codes, state = quantize_blockwise(numbers, code=maps[name], blocksize=256)
    scaled = (numbers.view(-1, 256).double() / state.absmax[:, None]).flatten()
    nearest = torch.bucketize(scaled, (values[:-1] + values[1:]) / 2)
    excess = (values[codes.long()] - scaled).abs() - (values[nearest] - scaled).abs()
    share, far, worst = (excess > 1e-8).double().mean(), (codes.long() - nearest).abs().max(), excess.max()
    print(f"{name} map, {kind}: not nearest {share:.2%}, by {far} codes at most, excess {worst:.1e} at most".replace("%", " %"))
    good = good and 0.001 < share < 0.1 and far == off and 2.5e-5 < worst < 2**-15
zeros = torch.zeros(4096)
zeros[::256] = 1


def zero(values, numbers):
    """What zeros become in blocks whose largest number is 1."""
    return dequantize_blockwise(*quantize_blockwise(numbers, code=values, blocksize=256)).float().abs().min().item()


for name, values in maps.items():
    every = torch.linspace(-1 if name == "signed" else 0, 1, 1 << 22)
    codes = quantize_blockwise(every, code=values, blocksize=1 << 22)[0]
    never = values[~torch.isin(torch.arange(256), codes.long())]
    becomes = zero(values, zeros)
    ends = f"{never.min():.1e} to {never.max():.1e}"
    print(f"{name} map: {len(never)} values are never taken, all from {ends}; zero becomes {becomes:.1e}")
    good = good and len(never) == {"signed": 7, "unsigned": 11}[name] and 0 in never and becomes > 1e-5
short = {str(dtype)[6:]: zero(maps["signed"], zeros.to(dtype)) for dtype in (torch.bfloat16, torch.float16)}
print(", ".join(f"{name}: zero becomes {becomes:.1e}" for name, becomes in short.items()))
weights = []
for optimizer in (torch.optim.AdamW, AdamW8bit):
    weight = torch.nn.Parameter(torch.zeros(4096))
    stepping = optimizer([weight], lr=1e-3, weight_decay=0)
    weight.grad = zeros.clone()
    for _ in range(2):
        stepping.step()
    weights.append(weight[1].item())
print(f"weights without gradient after two steps: AdamW {weights[0]:.1e}, AdamW8bit {weights[1]:.1e}")
sys.exit(not (good and min(short.values()) > 1e-5 and weights[0] == 0 and weights[1] != 0))
P
