# beir 2.0.0: GenericDataLoader reads qrels/*.tsv by Python's csv rules, quotes included. An id of qrels that is in quotes
# loses them, though corpus.jsonl and queries.jsonl keep theirs; and a docid that begins with a quote takes in all that
# follows up to the next id that ends with one, line feeds and judgements included, without an error. The files are valid by BEIR's own
# description of the format: three columns separated by tabs, ids as they are in the JSON Lines.
#
# Seen:
#   documents: ['"45 Cure', '"Heroes"', 'Blue Monday 12"', 'd3']
#   judged: {'q1': ['Heroes'], 'q2': ['45 Cure\t1\nq3\td3\t1\nq4\tBlue Monday 12']}
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$T/site" --no-deps beir==2.0.0 tqdm==4.66.1
mkdir -p "$T/data/qrels"
cat >"$T/data/corpus.jsonl" <<'JSON'
{"_id": "\"Heroes\"", "title": "", "text": "an album"}
{"_id": "\"45 Cure", "title": "", "text": "a song"}
{"_id": "d3", "title": "", "text": "a document"}
{"_id": "Blue Monday 12\"", "title": "", "text": "a single of twelve inches"}
JSON
for q in 1 2 3 4; do echo "{\"_id\": \"q$q\", \"text\": \"question $q\"}"; done >"$T/data/queries.jsonl"
printf 'query-id\tcorpus-id\tscore\nq1\t"Heroes"\t1\nq2\t"45 Cure\t1\nq3\td3\t1\nq4\tBlue Monday 12"\t1\n' >"$T/data/qrels/test.tsv"
PYTHONPATH="$T/site" python3 - "$T/data" <<'PY' 2>"$T/log" || { cat "$T/log" >&2; exit 1; }
import sys
from beir.datasets.data_loader import GenericDataLoader
corpus, queries, qrels = GenericDataLoader(sys.argv[1]).load(split="test")
print("documents:", sorted(corpus))
print("judged:", {query: list(judged) for query, judged in qrels.items()})
assert sorted(qrels) == ["q1", "q2"], "the judgements of q3 and q4 are read"
assert list(qrels["q1"]) == ["Heroes"] and '"Heroes"' in corpus, "quotes are kept"
PY
