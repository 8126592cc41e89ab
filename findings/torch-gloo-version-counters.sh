# torch 2.13.0, Gloo: some collectives tell autograd that they have changed a tensor, others change what backward needs without it
#
# What a graph saved must not change before its backward; autograd finds out by the tensor's version counter. all_gather, gather
# and reduce_scatter raise it, and backward refuses: also where the values that come are those that were there, as with weights
# that are gathered anew for each use. all_reduce, broadcast and the others write past it, and the gradient is, without a word,
# that of the values which came: of w · x here not the 4 that it was computed with.
#
# Seen (the second of two processes; w 4 in it, 3 in the first):
#   all_gather: w 3 4, version +2, backward refuses
#   all_gather_single: w 3 4, version +2, backward refuses
#   all_gather_single of what was there: w 4 4, version +2, backward refuses
#   gather: w 4 4, version +1, backward refuses
#   reduce_scatter_single: w 7 7, version +1, backward refuses
#   all_reduce: w 7 7, version +0, gradient 7 7
#   reduce: w 7 7, version +0, gradient 7 7
#   broadcast: w 3 3, version +0, gradient 3 3
#   scatter: w 3 3, version +0, gradient 3 3
#   all_to_all_single: w 3 4, version +0, gradient 3 4
#   recv: w 3 3, version +0, gradient 3 3
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" torch==2.13.0 numpy==2.4.6
GLOO_SOCKET_IFNAME=lo PYTHONPATH=$folder/py python3 - "$folder" <<'P'
import os
import sys

rank = 1 if os.fork() else 0  # Before torch and its threads. The first process ends before the second.

import torch
import torch.distributed as dist

dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}/meeting", rank=rank, world_size=2)
mine = 3.0 + rank
whole = torch.full((2,), mine)


def gather(w):
    dist.gather(whole, [torch.empty(2), w] if rank == 1 else None, dst=1)


def scatter(w):
    dist.scatter(w, [whole, whole] if rank == 0 else None, src=0)


def send(w):
    dist.send(whole, 1) if rank == 0 else dist.recv(w, 0)


refused = {
    "all_gather": lambda w: dist.all_gather(list(w.split(1)), whole[:1]),
    "all_gather_single": lambda w: dist.all_gather_single(w, whole[:1]),
    "all_gather_single of what was there": lambda w: dist.all_gather_single(w, torch.full((1,), 4.0)),
    "gather": gather,
    "reduce_scatter_single": lambda w: dist.reduce_scatter_single(w, torch.full((4,), mine)),
}
silent = {
    "all_reduce": lambda w: dist.all_reduce(w),
    "reduce": lambda w: dist.reduce(w, dst=1),
    "broadcast": lambda w: dist.broadcast(w, src=0),
    "scatter": scatter,
    "all_to_all_single": lambda w: dist.all_to_all_single(w, whole),
    "recv": send,
}
good = True
for name, call in {**refused, **silent}.items():
    w = torch.full((2,), mine)
    x = torch.ones(2, requires_grad=True)
    product = (w * x).sum()
    before = w._version
    with torch.no_grad():
        call(w)
    raised = w._version - before
    try:
        product.backward()
        seen = "gradient " + " ".join(f"{value:.0f}" for value in x.grad)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        seen = "backward refuses"
    if rank == 1:
        values = " ".join(f"{value:.0f}" for value in w)
        print(f"{name}: w {values}, version +{raised}, {seen}", flush=True)
        good = good and (seen == "backward refuses" and raised > 0 if name in refused else seen == f"gradient {values}")
dist.barrier()
dist.destroy_process_group()
if rank == 1:
    good = os.wait()[1] == 0 and good
sys.exit(not good)
P
