#!/usr/bin/env bash
# Trains on Nave with and without filtering and mined negatives, evaluates each on the test split, and writes the table
# of docs/quality.md to stdout. About an hour on 2 cores; what is done already is skipped.
#
# raw: the v1 file as it is, with its BM25 negatives. filtered: queries with a positive in MiniLM's top 100. epoch: these
# with negatives mined from that top 100 (manifests/nave-epoch.yaml as it is). positives: up to 10 positives of a query
# at once (manifests/nave-positives.yaml). demo: manifests/nave-demo.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/.build/release
out=.build/quality
base=.deps/models/all-MiniLM-L6-v2
export TVT_STORE=$out/store
mkdir -p "$out"

has() { "$bin/tvt-store" show "$1" >/dev/null 2>&1; }

# vectors FOLDER ARGUMENTS…: encodes what is not yet there; at bf16, which moves no measure by more than 0.001 here.
vectors() {
  local folder=$1
  shift
  "$bin/tvt-encode" "$@" --dtype bf16 --output "$folder" --resume >&2
}

# evaluate NAME MODEL
evaluate() {
  local folder=$out/$1
  vectors "$folder/corpus" corpus nave --model "$2"
  vectors "$folder/queries" queries nave --split test --model "$2"
  [ -e "$folder/test.run" ] || "$bin/tvt-search" --queries "$folder/queries" --corpus "$folder/corpus" --depth 100 \
    --format tevatron --output "$folder/test.run" >&2
}

has nave-train || "$bin/tvt-convert" v1-to-v2 datasets/nave/train.v1.jsonl.zst --dataset nave-train >&2
has nave || "$bin/tvt-convert" beir datasets/nave/nave-beir.zip --dataset nave >&2
vectors "$out/mining/corpus" corpus nave-train --model "$base"
vectors "$out/mining/queries" queries nave-train --model "$base"
[ -e "$out/mining/train.run" ] || "$bin/tvt-search" --queries "$out/mining/queries" --corpus "$out/mining/corpus" \
  --depth 100 --format tevatron --output "$out/mining/train.run" >&2
mine() { "$bin/tvt-mine" "$@" --run "$out/mining/train.run" --depth 100 >&2; }
has nave-train@filtered || mine filter nave-train --as nave-train@filtered
has nave-train@mined || mine negatives nave-train@filtered --count 15 --seed 42 --relative-margin 0.05 \
  --positive-ref mean --shortage fill --as nave-train@mined

# variant NAME MIX DATASET…: trains, evaluates.
variant() {
  local name=$1 mix=$2
  shift 2
  "$bin/tvt-train" --manifest "$mix" --output "$out/$name/run" --resume "$@" >&2
  evaluate "$name" "$out/$name/run/model"
}

evaluate untrained "$base"
for name in "${@:-raw filtered epoch positives demo}"; do
  for variant in $name; do
    case $variant in
      raw) variant raw manifests/nave-epoch.yaml --set datasets.0.name=nave-train ;;
      filtered) variant filtered manifests/nave-epoch.yaml --set datasets.0.name=nave-train@filtered ;;
      epoch) variant epoch manifests/nave-epoch.yaml ;;
      positives) variant positives manifests/nave-positives.yaml ;;
      demo) variant demo manifests/nave-demo.yaml ;;
      *) echo "quality: no such variant: $variant" >&2; exit 64 ;;
    esac
  done
done

echo "| variant | steps | nDCG@10 | Recall@100 | MRR@10 | MAP |"
echo "| --- | --- | --- | --- | --- | --- |"
for run in "$out"/*/test.run; do
  name=$(basename "$(dirname "$run")")
  "$bin/tvt-eval" --run "$run" --qrels nave --split test --metrics ndcg@10,recall@100,mrr@10,map --format trec |
    awk -v name="$name" -v train="$out/$name/run/metrics.jsonl" '
      { value[$1] = $3 }
      END {
        while ((getline line < train) > 0) steps++
        printf "| %s | %d | %s | %s | %s | %s |\n", name, steps, value["ndcg_cut_10"], value["recall_100"],
          value["recip_rank_cut_10"], value["map"]
      }'
done
