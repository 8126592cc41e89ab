"""Computes losses term by term with torch, and writes values and gradients that ContrastiveLoss must give.

    python reference_losses_of_terms.py OUTPUT

Writes `OUTPUT/loss-terms.json`: vectors and facts of one batch, and for each case a config's section `loss` with the
temperature, the loss, and its gradients with respect to queries, passages and log(1 / temperature). Everything in float64. Losses are summed
one query and one candidate at a time, in the words of the formulas. Where sentence-transformers has the same loss for
groups of equal size, the formulas are checked against it first.

torch 2.13.0+cpu, sentence-transformers 6.2.0, Python 3.11.
"""

import json
import math
import sys
from pathlib import Path

import torch
from torch.nn.functional import normalize

torch.set_default_dtype(torch.float64)

ALL_BLOCKS = ["query_to_passage", "passage_to_query", "query_to_query", "passage_to_passage"]


class Batch:
    """Queries, their groups of passages with the positive first, and what is known of them."""

    def __init__(self, sizes, width, seed, excluded, query_inputs, datasets, teacher):
        generator = torch.Generator().manual_seed(seed)
        self.groups, start = [], 0
        for size in sizes:
            self.groups.append(list(range(start, start + size)))
            start += size
        self.queries = normalize(torch.randn(len(sizes), width, generator=generator), dim=-1)
        # Near their query, the positive most, so that margins mean something.
        owners = [query for query, size in enumerate(sizes) for _ in range(size)]
        noise = torch.randn(start, width, generator=generator)
        nearness = torch.tensor([1.2 if row == self.groups[owners[row]][0] else 0.7 for row in range(start)])
        self.passages = normalize(noise / math.sqrt(width) + nearness[:, None] * self.queries[owners], dim=-1)
        self.excluded, self.query_inputs = excluded, query_inputs
        self.datasets, self.teacher = datasets, teacher
        # Of another model, and not of unit length.
        self.guide_queries = torch.randn(len(sizes), 3, generator=generator).round(decimals=3)
        self.guide_passages = torch.randn(start, 3, generator=generator).round(decimals=3)

    @property
    def positives(self):
        return [group[0] for group in self.groups]


def is_false_negative(options, score, positive_score):
    if options.get("by") not in ("model", "guide"):
        return False
    margin = options.get("margin", 0.0)
    if options.get("kind", "absolute") == "relative":
        margin *= abs(positive_score)
    return score > positive_score + margin


def teacher_masks(options, scores, position):
    if options.get("by") != "teacher" or scores is None:
        return False
    margin = options.get("margin", 0.0)
    if options.get("kind", "absolute") == "relative":
        margin *= abs(scores[0])
    return scores[position] > scores[0] + margin


def answered(batch, query, other):
    """Whether the positive of `query` answers the other query as well."""
    if not batch.excluded:
        return False
    own, others = batch.positives[query], batch.positives[other]
    equal = bool(batch.query_inputs) and batch.query_inputs[query] == batch.query_inputs[other]
    return own in batch.excluded[other] or own == others or equal


def candidates(batch, full, query, options):
    """(block, row) of all that stands against a query's positive, the positive itself first."""
    masks, own_only = options.get("false_negatives", {}), options.get("hard_negatives", "shared") == "own"
    full_queries, full_passages = full
    if masks.get("by") == "guide":
        full_queries, full_passages = normalize(batch.guide_queries, dim=-1), normalize(batch.guide_passages, dim=-1)
    positive = batch.positives[query]
    positive_score = float(full_queries[query] @ full_passages[positive])
    group = batch.groups[query]
    hard_of_others = {
        row for g, others in zip(batch.groups, batch.excluded) for row in g[1:]
        if row not in group and not (options.get("positives", "one") == "all" and row in others)}
    known = set(batch.excluded[query]) if batch.excluded else set()
    blocks = options.get("blocks", ["query_to_passage"])
    joint = options.get("partition", "joint") == "joint"
    found = [("query_to_passage", positive)]
    for row in range(len(full_passages)):
        if row == positive or row in known or (own_only and row in hard_of_others):
            continue
        if row in group and teacher_masks(masks, batch.teacher[query], group.index(row)):
            continue
        if not is_false_negative(masks, float(full_queries[query] @ full_passages[row]), positive_score):
            found.append(("query_to_passage", row))
    for other in range(len(full_queries)):
        if other == query:
            if "passage_to_query" in blocks and not joint:
                found.append(("passage_to_query", other))
            continue
        score = float(full_passages[positive] @ full_queries[other])
        if "passage_to_query" in blocks and not answered(batch, query, other):
            if not is_false_negative(masks, score, positive_score):
                found.append(("passage_to_query", other))
        score = float(full_queries[query] @ full_queries[other])
        if "query_to_query" in blocks and not (answered(batch, query, other) or answered(batch, other, query)):
            if not is_false_negative(masks, score, positive_score):
                found.append(("query_to_query", other))
    if "passage_to_passage" in blocks:
        for row in range(len(full_passages)):
            if row in group or row in known or (own_only and row in hard_of_others):
                continue
            score = float(full_passages[positive] @ full_passages[row])
            if not is_false_negative(masks, score, positive_score):
                found.append(("passage_to_passage", row))
    return found


def exponent(batch, queries, passages, query, block, row, options, temperature):
    left = queries[query] if block.startswith("query") else passages[batch.positives[query]]
    right = queries[row] if block.endswith("query") else passages[row]
    score = left @ right
    result = score / temperature
    hardness = options.get("hardness", {})
    if hardness.get("strength", 0) and block == "query_to_passage" and row != batch.positives[query]:
        is_hard = row in batch.groups[query]
        scope = hardness.get("of", "hard")
        if scope == "all" or is_hard == (scope == "hard"):
            result = result + hardness["strength"] * score.detach()
    return result


def of_all_positives(batch, found, queries, passages, query, options, temperature):
    """Each known positive in a softmax of its own with what is none, and their mean."""
    first = batch.positives[query]
    negatives = [
        exponent(batch, queries, passages, query, block, row, options, temperature)
        for block, row in found if (block, row) != ("query_to_passage", first)]
    losses = []
    for row in [first] + (batch.excluded[query] if batch.excluded else []):
        score = queries[query] @ passages[row] / temperature
        losses.append(torch.logsumexp(torch.stack(negatives + [score]), 0) - score)
    return sum(losses) / len(losses)


def contrastive(batch, full, queries, passages, options, temperature, weights):
    total = 0
    for query in range(len(queries)):
        found = candidates(batch, full, query, options)
        if options.get("positives", "one") == "all":
            from_queries = [pair for pair in found if pair[0] != "passage_to_query"]
            separate = options.get("partition", "joint") == "separate"
            loss = of_all_positives(
                batch, from_queries if separate else found, queries, passages, query, options, temperature)
            if separate:
                first = batch.positives[query]
                pair = queries[query] @ passages[first] / temperature
                values = [exponent(batch, queries, passages, query, block, row, options, temperature)
                          for block, row in found if block == "passage_to_query"]
                loss = (loss + torch.logsumexp(torch.stack(values), 0) - pair) / 2
            total = total + weights[query] * loss
            continue
        by_block = {}
        for block, row in found:
            by_block.setdefault(block, []).append(
                exponent(batch, queries, passages, query, block, row, options, temperature))
        pair = exponent(
            batch, queries, passages, query, "query_to_passage", batch.positives[query], options, temperature)
        if options.get("partition", "joint") == "joint":
            everything = [value for values in by_block.values() for value in values]
            loss = torch.logsumexp(torch.stack(everything), 0) - pair
        else:
            parts = [torch.logsumexp(torch.stack(values), 0) - pair for values in by_block.values()]
            loss = sum(parts) / len(parts)
        total = total + weights[query] * loss
    return total / len(queries)


def distilled(batch, queries, passages, options_of_loss, temperature, weights):
    options = options_of_loss["distillation"]
    kind, scale = options["kind"], options.get("temperature", 1.0)
    total = 0
    for query, group in enumerate(batch.groups):
        scores = batch.teacher[query]
        if scores is None or len(group) == 1:
            continue
        if kind == "margin_mse" and options_of_loss.get("positives", "one") == "all":
            kept = [i for i, row in enumerate(group) if i == 0 or row not in batch.excluded[query]]
            group, scores = [group[i] for i in kept], [scores[i] for i in kept]
        student = torch.stack([queries[query] @ passages[row] for row in group])
        teacher = torch.tensor(scores)
        if kind == "kl":
            loss = torch.nn.functional.kl_div(
                torch.log_softmax(student / temperature, 0), torch.softmax(teacher / scale, 0), reduction="sum")
        else:
            loss = torch.nn.functional.mse_loss(student[0] - student[1:], (teacher[0] - teacher[1:]) / scale)
        total = total + weights[query] * loss
    return total / len(queries)


def spread(vectors):
    count = len(vectors)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    return sum((vectors[i] @ vectors[j]) ** 2 for i, j in pairs) / len(pairs)


def loss_of(batch, queries, passages, options, temperature):
    weights = [options.get("dataset_weights", [1, 1])[dataset] for dataset in batch.datasets]
    full = (queries.detach(), passages.detach())
    matryoshka = options.get("matryoshka", {})
    widths = [queries.shape[1]] + matryoshka.get("dims", [])
    width_weights = [1.0] + matryoshka.get("weights", [1.0] * (len(widths) - 1))
    total = 0
    for width, weight in zip(widths, width_weights):
        is_full = width == queries.shape[1]
        q = queries if is_full else normalize(queries[:, :width], dim=-1)
        p = passages if is_full else normalize(passages[:, :width], dim=-1)
        value = options.get("contrastive_weight", 1.0) * contrastive(
            batch, full, q, p, options, temperature, weights)
        if "distillation" in options:
            value = value + options["distillation"].get("weight", 1.0) * distilled(
                batch, q, p, options, temperature, weights)
        if options.get("spread", 0):
            value = value + options["spread"] * (spread(q) + spread(p[batch.positives]))
        total = total + weight * value
    return total


CASES = [
    ("InfoNCE", {}),
    ("MRL", {"matryoshka": {"dims": [8, 4], "weights": [0.5, 0.25]}}),
    ("KL", {"distillation": {"kind": "kl", "weight": 0.7, "temperature": 2.0}}),
    ("KL alone", {"contrastive_weight": 0, "distillation": {"kind": "kl"}}),
    ("bidirectional", {"blocks": ALL_BLOCKS[:2], "partition": "separate"}),
    ("bidirectional, joint", {"blocks": ALL_BLOCKS[:2]}),
    ("all blocks", {"blocks": ALL_BLOCKS}),
    ("false negatives", {"false_negatives": {"by": "model", "margin": -0.2}}),
    ("false negatives, relative", {"false_negatives": {"by": "model", "kind": "relative", "margin": -0.3}}),
    ("false negatives in all blocks", {"blocks": ALL_BLOCKS, "false_negatives": {"by": "model", "margin": -0.3}}),
    ("false negatives by the teacher", {"false_negatives": {"by": "teacher", "kind": "relative", "margin": -0.05}}),
    ("margin-MSE", {"distillation": {"kind": "margin_mse", "weight": 0.3, "temperature": 4.0}}),
    ("spread", {"spread": 0.8}),
    ("hardness", {"hardness": {"strength": 5}}),
    ("hardness of passages of others", {"hardness": {"strength": 9, "of": "in_batch"}}),
    ("hardness of all", {"hardness": {"strength": 2, "of": "all"}}),
    ("own hard negatives", {"hard_negatives": "own"}),
    ("dataset weights", {"dataset_weights": [0.5, 2], "distillation": {"kind": "kl"}}),
    ("MRL, KL, bidirectional, false negatives", {
        "matryoshka": {"dims": [6]}, "distillation": {"kind": "kl", "weight": 0.5},
        "blocks": ALL_BLOCKS[:2], "partition": "separate", "false_negatives": {"by": "model", "margin": -0.2}}),
    ("false negatives by a guide", {"false_negatives": {"by": "guide", "margin": -0.1}}),
    ("gist", {
        "blocks": [ALL_BLOCKS[0], ALL_BLOCKS[2], ALL_BLOCKS[3]], "false_negatives": {"by": "guide"}}),
    ("qwen3-embedding", {
        "blocks": [ALL_BLOCKS[0], ALL_BLOCKS[2], ALL_BLOCKS[3]], "false_negatives": {"by": "model", "margin": 0.1}}),
    ("embeddinggemma at other widths", {
        "hard_negatives": "own", "hardness": {"strength": 5}, "spread": 1, "matryoshka": {"dims": [8, 4]}}),
    ("all positives", {"positives": "all"}),
    ("all positives, bidirectional", {"positives": "all", "blocks": ALL_BLOCKS[:2], "partition": "separate"}),
    ("all positives, margin-MSE", {
        "positives": "all", "distillation": {"kind": "margin_mse", "weight": 0.3, "temperature": 4.0}}),
    ("all positives, own hard negatives, hardness", {
        "positives": "all", "hard_negatives": "own", "hardness": {"strength": 3, "of": "all"}}),
    ("all positives, all blocks, MRL, KL, dataset weights", {
        "positives": "all", "blocks": ALL_BLOCKS, "matryoshka": {"dims": [6]}, "dataset_weights": [0.5, 2],
        "distillation": {"kind": "kl", "weight": 0.5}, "false_negatives": {"by": "model", "margin": -0.2}}),
]


def check_against_sentence_transformers():
    from sentence_transformers.sentence_transformer import losses

    batch = Batch([3] * 5, 16, 5, [], [], [0] * 5, [[3.0, 1.0, 2.5]] * 5)
    columns = [batch.queries] + [batch.passages[[group[i] for group in batch.groups]] for i in range(3)]

    def same(name, options, theirs, temperature=0.1):
        ours = float(loss_of(batch, batch.queries, batch.passages, options, temperature))
        assert abs(ours - float(theirs)) < 1e-12, (name, ours, float(theirs))

    def ranking(**options):
        loss = losses.MultipleNegativesRankingLoss(None, scale=10.0, **options)
        return loss.compute_loss_from_embeddings(columns, None)

    same("InfoNCE", {}, ranking())
    same("bidirectional", {"blocks": ALL_BLOCKS[:2], "partition": "separate"}, ranking(
        directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"))
    same("same kind", {"blocks": [ALL_BLOCKS[0], ALL_BLOCKS[2], ALL_BLOCKS[3]]}, ranking(
        directions=("query_to_doc", "query_to_query", "doc_to_doc")))
    for ours, theirs in [("hard", "hard_negatives"), ("in_batch", "in_batch_negatives"), ("all", "all_negatives")]:
        same(ours, {"hardness": {"strength": 5, "of": ours}}, ranking(hardness_mode=theirs, hardness_strength=5.0))
    regularizer = losses.GlobalOrthogonalRegularizationLoss(
        None, mean_weight=0, second_moment_weight=1, aggregation="sum")
    # Theirs is cut at 1 / D, which is a constant above it.
    theirs = regularizer.compute_loss_from_embeddings(columns[:2])["gor_second_moment"]
    ours = spread(batch.queries) + spread(batch.passages[batch.positives])
    above = [max(0.0, float(spread(v)) - 1 / 16) for v in columns[:2]]
    assert abs(sum(above) - float(theirs)) < 1e-12 and float(ours) > 0


def main():
    check_against_sentence_transformers()
    batch = Batch(
        [3, 3, 2, 3, 1], 16, 11, excluded=[[4], [5], [0], [9], [3]], query_inputs=[0, 1, 2, 1, 3],
        datasets=[0, 1, 0, 1, 1],
        teacher=[[9.0, 4.0, 8.8], [5.0, 4.9, -1.0], [7.5, 3.0], None, [6.0]])
    temperature = 0.1
    cases = []
    for name, options in CASES:
        queries = batch.queries.clone().requires_grad_()
        passages = batch.passages.clone().requires_grad_()
        loss = loss_of(batch, queries, passages, options, temperature)
        loss.backward()
        log_scale = torch.tensor(math.log(1 / temperature), requires_grad=True)
        loss_of(batch, batch.queries, batch.passages, options, torch.exp(-log_scale)).backward()
        cases.append({
            "name": name, "loss": options, "value": loss.item(), "of_queries": queries.grad.flatten().tolist(),
            "of_passages": passages.grad.flatten().tolist(), "of_log_scale": log_scale.grad.item()})
    masked = {name: sum(len(candidates(batch, (batch.queries, batch.passages), q, options)) for q in range(5))
              for name, options in CASES}
    print(json.dumps(masked, indent=1))
    golden = {
        "temperature": temperature, "width": 16, "queries": batch.queries.flatten().tolist(),
        "passages": batch.passages.flatten().tolist(), "groups": [len(group) for group in batch.groups],
        "excluded": batch.excluded, "query_inputs": batch.query_inputs, "datasets": batch.datasets,
        "teacher": batch.teacher, "guide_width": 3, "guide_queries": batch.guide_queries.flatten().tolist(),
        "guide_passages": batch.guide_passages.flatten().tolist(), "cases": cases}
    path = Path(sys.argv[1]) / "loss-terms.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
