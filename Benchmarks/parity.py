"""Compares tvt with the reference implementations on all of Nave, beyond what fits into golden files.

usage: parity.py vectors MODEL BEIR.zip OUTPUT.npy     sentence-transformers' vectors of the corpus
       parity.py verses BEIR.zip COUNT OUTPUT.jsonl    documents spread over the corpus, as tvt-convert takes them
       parity.py texts MODEL TEXTS.jsonl OUTPUT.npy    transformers' vectors of them, without padding: --mean or --last, length 1
       parity.py search QUERIES CORPUS RUN             the run against numpy's order over the same vectors
       parity.py eval RUN QRELS.tsv VALUES.json        tvt-eval's values of each query against pytrec_eval's
       parity.py spoil RUN QRELS.tsv OUT.run OUT.tsv   a harder case: ties, missing queries, grades
"""
import json
import os
import random
import sys
import zipfile

import numpy


def vectors(model, beir, output):
    from sentence_transformers import SentenceTransformer

    with zipfile.ZipFile(beir) as archive:
        documents = [json.loads(line) for line in archive.read("beir/corpus.jsonl").splitlines()]
    texts = [(document["title"] + " " if document.get("title") else "") + document["text"] for document in documents]
    encoder = SentenceTransformer(model, device="cpu")
    matrix = encoder.encode(texts, batch_size=128, convert_to_numpy=True, show_progress_bar=False)
    numpy.save(output, matrix.astype(numpy.float32))


def verses(beir, count, output):
    with zipfile.ZipFile(beir) as archive:
        documents = [json.loads(line) for line in archive.read("beir/corpus.jsonl").splitlines()]
    with open(output, "w") as file:
        for number, document in enumerate(documents[:: len(documents) // int(count)][: int(count)]):
            text = f"{document['title']} {document['text']}"
            file.write(json.dumps({"docid": f"d{number:05}", "document_text": text}) + "\n")


def texts(model, path, output, pooling):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model, dtype=torch.float32).eval()
    with open(path) as file:
        encoded = [tokenizer(json.loads(line)["document_text"], truncation=True, max_length=256)["input_ids"] for line in file]
    rows = {}
    with torch.inference_mode():
        for length in {len(ids) for ids in encoded}:
            # Texts of equal length need no padding.
            alike = [number for number, ids in enumerate(encoded) if len(ids) == length]
            for first in range(0, len(alike), 32):
                chosen = alike[first : first + 32]
                hidden = model(input_ids=torch.tensor([encoded[number] for number in chosen])).last_hidden_state
                pooled = hidden.mean(1) if pooling == "--mean" else hidden[:, -1]
                rows |= zip(chosen, torch.nn.functional.normalize(pooled, dim=1).numpy())
    numpy.save(output, numpy.stack([rows[number] for number in range(len(encoded))]))


def load(folder):
    parts = sorted(name for name in os.listdir(folder) if name.endswith(".npy"))
    matrix = numpy.concatenate([numpy.load(os.path.join(folder, part)) for part in parts])
    ids = [line for part in parts for line in open(os.path.join(folder, part[:-4] + ".ids")).read().split("\n")[:-1]]
    return matrix, ids


def search(query_folder, corpus_folder, run):
    queries, query_ids = load(query_folder)
    corpus, document_ids = load(corpus_folder)
    results = {}
    for line in open(run):
        query, document, score = line.rstrip("\n").split("\t")
        results.setdefault(query, []).append((document, numpy.float32(score)))
    depth = max(len(found) for found in results.values())
    corpus = corpus.astype(numpy.float64)
    # Ties go by docid, descending: the place of each docid in that order is the second key.
    place = numpy.empty(len(document_ids), numpy.int64)
    place[sorted(range(len(document_ids)), key=lambda row: document_ids[row].encode(), reverse=True)] = numpy.arange(
        len(document_ids)
    )
    for row, query in enumerate(query_ids):
        scores = (corpus @ queries[row].astype(numpy.float64)).astype(numpy.float32)
        best = numpy.lexsort((place, -scores))[:depth]
        wanted = [(document_ids[document], scores[document]) for document in best]
        if results.get(query) != wanted:
            sys.exit(f"{query}: the run differs from numpy's order")
    print(f"search: the top {depth} of {len(query_ids)} queries over {len(document_ids)} documents are numpy's, in its order")


def read(run, qrels):
    found, judged = {}, {}
    for line in open(run):
        query, document, score = line.rstrip("\n").split("\t")
        found.setdefault(query, {})[document] = float(score)
    for line in open(qrels):
        query, document, grade = line.rstrip("\n").split("\t")
        if grade != "score":
            judged.setdefault(query, {})[document] = int(grade)
    return found, judged


def evaluate(run, qrels, values):
    import pytrec_eval

    names = {
        "ndcg@10": "ndcg_cut_10", "recall@100": "recall_100", "mrr": "recip_rank", "map": "map", "precision@5": "P_5",
        "success@1": "success_1", "success@10": "success_10",
    }
    found, judged = read(run, qrels)
    measures = {"ndcg_cut.10", "recall.100", "recip_rank", "map", "P.5", "success.1,10"}
    expected = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(found)
    ours = {value["query_id"]: value for value in json.load(open(values))["runs"][0]["per_query"]}
    if set(ours) != set(judged):
        sys.exit("tvt-eval does not give every judged query")
    worst = 0.0
    for query, measured in ours.items():
        for name, reference in names.items():
            # A query without results is not among pytrec_eval's; trec_eval -c counts it as 0.
            difference = abs(measured[name] - expected.get(query, {}).get(reference, 0.0))
            worst = max(worst, difference)
            if difference > 1e-6:
                sys.exit(f"{query}: {name} is {measured[name]}, of pytrec_eval {expected[query][reference]}")
    print(f"eval: {len(names)} measures of {len(ours)} queries are pytrec_eval's; the largest difference is {worst:.1e}")


def spoil(run, qrels, run_output, qrels_output):
    generator = random.Random(1896)
    with open(run_output, "w") as output:
        for line in open(run):
            query, document, score = line.rstrip("\n").split("\t")
            if sum(query.encode()) % 17 == 0:
                continue
            output.write(f"{query}\t{document}\t{round(float(score), 1)}\n")
    with open(qrels_output, "w") as output:
        for line in open(qrels):
            query, document, grade = line.rstrip("\n").split("\t")
            grade = grade if grade == "score" else generator.choice([0, 1, 1, 2, 3])
            output.write(f"{query}\t{document}\t{grade}\n")


if __name__ == "__main__":
    commands = {"vectors": vectors, "verses": verses, "texts": texts, "search": search, "eval": evaluate, "spoil": spoil}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
