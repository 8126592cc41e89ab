# sentence-transformers 6.2.0: MultipleNegativesRankingLoss with "doc_to_query" and one softmax counts the positive pair twice
#
# directions=(query_to_doc, query_to_query, doc_to_query, doc_to_doc) with partition_mode="joint" is documented as the loss of
# GTE (Li et al. 2023), whose denominator takes queries j ≠ i for a document. Here the block doc_to_query keeps its diagonal,
# so that exp(positive) stands in the denominator twice: the loss of perfect vectors is ln 2 instead of 0, and the gradient
# at a positive never falls below half of what it would be.
#
# Seen:
#   perfect vectors, query_to_doc alone: 0.0000
#   perfect vectors, all four directions, joint: 0.6931
#   the formula with the positive once: 0.0000, twice: 0.6931
#   random vectors: the loss 0.8516, the formula with the positive once 0.2650, twice 0.8516
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" - 2>/dev/null <<'P'
import sys
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
SCALE = 20.0
ALL = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
def loss(queries, documents, directions):
    made = MultipleNegativesRankingLoss(None, scale=SCALE, directions=directions, partition_mode="joint")
    return made.compute_loss_from_embeddings([queries, documents], None).item()
def formula(queries, documents, times):
    q, d = (torch.nn.functional.normalize(vectors, dim=1) for vectors in (queries, documents))
    off = ~torch.eye(len(q), dtype=torch.bool)
    total = []
    for i in range(len(q)):
        positive = q[i] @ d[i]
        others = torch.cat([q[i] @ d.T[:, off[i]], q[i] @ q.T[:, off[i]], d[i] @ q.T[:, off[i]], d[i] @ d.T[:, off[i]]])
        total.append(torch.logsumexp(SCALE * torch.cat([positive.repeat(times), others]), 0) - SCALE * positive)
    return torch.stack(total).mean().item()
perfect = torch.eye(8)
alone, joint = loss(perfect, perfect, ("query_to_doc",)), loss(perfect, perfect, ALL)
print(f"perfect vectors, query_to_doc alone: {abs(alone):.4f}")
print(f"perfect vectors, all four directions, joint: {joint:.4f}")
once, twice = formula(perfect, perfect, 1), formula(perfect, perfect, 2)
print(f"the formula with the positive once: {once:.4f}, twice: {twice:.4f}")
torch.manual_seed(0)
q, d = torch.randn(8, 16), torch.randn(8, 16)
d = d + 0.5 * q
got, first, second = loss(q, d, ALL), formula(q, d, 1), formula(q, d, 2)
print(f"random vectors: the loss {got:.4f}, the formula with the positive once {first:.4f}, twice {second:.4f}")
sys.exit(not (alone < 1e-4 < joint and abs(joint - twice) < 1e-4 and abs(got - second) < 1e-4 < got - first))
P
