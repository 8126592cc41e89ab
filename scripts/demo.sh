#!/usr/bin/env bash
# The whole pipeline on Nave's Topical Bible: a v1 file and a BEIR zip become datasets in a store, MiniLM encodes them,
# queries are filtered and hard negatives mined, the model is trained, and evaluated before and after.
#
# Every step is skipped when it is done already; delete demo/ (or one step's file in demo/.done) to run it again.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=.build/release
out=demo
model=.deps/models/all-MiniLM-L6-v2
export TVT_STORE=$out/store

. scripts/steps.sh

# evaluate WHEN MODEL: encodes the test split with the model, searches, evaluates.
evaluate() {
  local when=$1 model=$2 folder=$out/$1
  mkdir -p "$folder"
  step "$when: encode the corpus" $bin/tvt-encode corpus nave --model "$model" --output "$folder/corpus" --resume
  step "$when: encode the test queries" $bin/tvt-encode queries nave --split test --model "$model" --output "$folder/queries" --resume
  step "$when: search" $bin/tvt-search --queries "$folder/queries" --corpus "$folder/corpus" --depth 100 \
    --format tevatron --output "$folder/test.run"
}
metrics=ndcg@10,recall@100,mrr@10,map

# Nave's ids contain spaces, which TREC's run format cannot hold; Tevatron's, separated by tabs, can.

step "make a store" $bin/tvt-store init
step "convert the v1 file" $bin/tvt-convert v1-to-v2 datasets/nave/train.v1.jsonl.zst --dataset nave-train
step "convert the BEIR zip" $bin/tvt-convert beir datasets/nave/nave-beir.zip --dataset nave
step "list the store" $bin/tvt-store ls

evaluate before "$model"

mkdir -p "$out/mining"
step "encode the train corpus" $bin/tvt-encode corpus nave-train --model "$model" --output "$out/mining/corpus" --resume
step "encode the train queries" $bin/tvt-encode queries nave-train --model "$model" --output "$out/mining/queries" --resume
step "search the train queries" $bin/tvt-search --queries "$out/mining/queries" --corpus "$out/mining/corpus" --depth 100 \
  --format tevatron --output "$out/mining/train.run"
step "filter by top-100 recall" save "$out/mining/filter.json" $bin/tvt-mine filter nave-train \
  --run "$out/mining/train.run" --depth 100 --as nave-train@filtered --json
step "mine hard negatives" save "$out/mining/negatives.json" $bin/tvt-mine negatives nave-train@filtered --run "$out/mining/train.run" --depth 100 \
  --count 15 --seed 42 --relative-margin 0.05 --positive-ref mean --shortage fill --as nave-train@mined --json

step "train" $bin/tvt-train --manifest manifests/nave-demo.yaml --output "$out/model" --resume
evaluate after "$out/model/model"

compare=($bin/tvt-eval --run "$out/before/test.run" --compare "$out/after/test.run" --qrels nave --split test
  --metrics "$metrics")
step "compare" save "$out/eval.json" "${compare[@]}" --json
step "write the report" $bin/demo-report --folder "$out" --v1 datasets/nave/train.v1.jsonl.zst --output "$out/report.html"

echo
"${compare[@]}"
echo
echo "The report: $out/report.html"
