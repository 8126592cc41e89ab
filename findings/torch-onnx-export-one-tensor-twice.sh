# torch 2.13.0 with onnxscript 0.7.2: torch.onnx.export given one tensor as the example of two inputs reads only one of them
#
# Examples of input_ids and attention_mask are easily one tensor of ones. torch.export takes inputs that are one object for one
# input; the graph keeps both names, and one of them, here the first, is connected to nothing: the mask is taken for the ids.
# ONNX Runtime gives other numbers than the model without a word. A copy of the tensor mends it.
#
# Seen (ids 3 4 5, mask 1 1 0; the module sums ids · 10 · mask):
#   inputs of both graphs: ids, mask
#   module 70, graph from two tensors 70, graph from one tensor twice 20
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cd "$folder"
PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import contextlib
import io

import onnxruntime
import torch


class Sum(torch.nn.Module):
    def forward(self, ids, mask):
        return (ids * 10 * mask).sum(1)


def graph(path, example):
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    shapes = {name: {0: batch, 1: length} for name in ["ids", "mask"]}
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            Sum().eval(), example, path, input_names=["ids", "mask"], output_names=["sum"], external_data=False,
            dynamic_shapes=shapes, dynamo=True)
    return onnxruntime.InferenceSession(path)


ids, mask = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 1, 0]])
ones = torch.ones((2, 8), dtype=torch.long)
graphs = [graph("two.onnx", (ones, ones.clone())), graph("one.onnx", (ones, ones))]
names = [[put.name for put in graph.get_inputs()] for graph in graphs]
two, one = (int(graph.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0][0]) for graph in graphs)
module = int(Sum()(ids, mask)[0])
print("inputs of both graphs:", ", ".join(names[0]))
print(f"module {module}, graph from two tensors {two}, graph from one tensor twice {one}")
assert names == [["ids", "mask"]] * 2 and module == two == 70 and one == 20
P
