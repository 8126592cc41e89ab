# torch 2.13.0: whole numbers to the power of a tensor of negative whole numbers are 0, 1 or -1, without an error
#
# The kernel cuts off what is behind the point: the result is 0 for all bases but 1 and -1, 0 itself included. The same exponent
# as a Python number raises, as numpy does for both. The documentation of torch.pow has one formula for all of them, and no word
# of it. Floats on either side, or torch.float_power, give what one means.
#
# Seen:
#   10 ** tensor([-2, -1, 0, 1]): [0, 0, 1, 10]
#   tensor([-2, -1, 0, 1, 2]) ** tensor(-1): [0, -1, 0, 1, 0]
#   tensor([-2, -1, 0, 1, 2]) ** -1: RuntimeError: Integers to negative integer powers are not allowed.
#   numpy, exponent an array: ValueError: Integers to negative integer powers are not allowed.
#   10.0 ** tensor([-2, -1, 0, 1]): [0.01, 0.1, 1.0, 10.0]
#   torch.pow.__doc__ says "negative": False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" torch==2.13.0 numpy==2.4.6
PYTHONPATH=$folder/py python3 - <<'P'
import sys
import numpy
import torch

good = True


def look(label, action, wanted):
    global good
    try:
        seen = action().tolist()
    except (RuntimeError, ValueError) as error:
        seen = f"{type(error).__name__}: {error}"
    print(f"{label}: {seen}")
    good = good and str(seen) == str(wanted)


exponents, bases = torch.arange(-2, 2), torch.arange(-2, 3)
refusal = "Integers to negative integer powers are not allowed."
look("10 ** tensor([-2, -1, 0, 1])", lambda: 10**exponents, [0, 0, 1, 10])
look("tensor([-2, -1, 0, 1, 2]) ** tensor(-1)", lambda: bases ** torch.tensor(-1), [0, -1, 0, 1, 0])
look("tensor([-2, -1, 0, 1, 2]) ** -1", lambda: bases**-1, f"RuntimeError: {refusal}")
look("numpy, exponent an array", lambda: bases.numpy() ** numpy.array(-1), f"ValueError: {refusal}")
look("10.0 ** tensor([-2, -1, 0, 1])", lambda: (10.0**exponents).double().round(decimals=6), [0.01, 0.1, 1.0, 10.0])
print('torch.pow.__doc__ says "negative":', "negative" in torch.pow.__doc__)
sys.exit(not (good and "negative" not in torch.pow.__doc__))
P
