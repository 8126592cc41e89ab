#!/usr/bin/env bash
# Compares tvt with sentence-transformers, numpy and pytrec_eval on all of Nave. About ten minutes on 2 cores.
# usage: Benchmarks/parity.sh   (needs the peers that Benchmarks/run.sh installs)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.build/release
out=.build/parity
model=.deps/models/all-MiniLM-L6-v2
beir=datasets/nave/nave-beir.zip
export PATH=$PWD/.build/peers/bin:$PATH TVT_STORE=$out/store HF_HUB_OFFLINE=1
mkdir -p "$out"

"$bin/tvt-store" show nave >/dev/null 2>&1 || "$bin/tvt-convert" beir "$beir" --dataset nave >/dev/null
[ -e "$out/reference.npy" ] || python Benchmarks/parity.py vectors "$model" "$beir" "$out/reference.npy"
for dtype in f32 bf16; do
  echo "vectors at $dtype against sentence-transformers:"
  "$bin/tvt-encode" verify nave --model "$model" --dtype $dtype --reference "$out/reference.npy"
done

"$bin/tvt-encode" corpus nave --model "$model" --dtype bf16 --output "$out/corpus" --resume
"$bin/tvt-encode" queries nave --split test --model "$model" --output "$out/queries" --dtype bf16 --resume
"$bin/tvt-search" --queries "$out/queries" --corpus "$out/corpus" --format tevatron --output "$out/test.run"
python Benchmarks/parity.py search "$out/queries" "$out/corpus" "$out/test.run"

unzip -qoj "$beir" beir/qrels/test.tsv -d "$out"
python Benchmarks/parity.py spoil "$out/test.run" "$out/test.tsv" "$out/spoilt.run" "$out/spoilt.tsv"
for name in test spoilt; do
  "$bin/tvt-eval" --run "$out/$name.run" --qrels "$out/$name.tsv" --per-query --json \
    --metrics ndcg@10,recall@100,mrr,map,precision@5,success@1,success@10 >"$out/$name.json"
  python Benchmarks/parity.py eval "$out/$name.run" "$out/$name.tsv" "$out/$name.json"
done

# Other models by recipe, where they are: vectors of 2,000 verses against transformers'.
python Benchmarks/parity.py verses "$beir" 2000 "$out/verses.jsonl"
"$bin/tvt-store" show verses >/dev/null 2>&1 || "$bin/tvt-convert" v2 --corpus "$out/verses.jsonl" --dataset verses >/dev/null
for entry in "all-MiniLM-L6-v2 mean f32" "all-MiniLM-L6-v2 mean bf16" "SmolLM2-135M-Instruct last f32" "splade-tiny mean f32"; do
  read -r name pooling dtype <<<"$entry"
  [ -e ".deps/models/$name" ] || { echo "$name: not in .deps/models, left out"; continue; }
  reference=$out/$name.npy
  [ -e "$reference" ] || python Benchmarks/parity.py texts ".deps/models/$name" "$out/verses.jsonl" "$reference" "--$pooling"
  echo "$name at $dtype, 2,000 verses:"
  "$bin/tvt-encode" verify verses --model ".deps/models/$name" --dtype "$dtype" --pooling "$pooling" --normalize \
    --document-prompt "" --document-max-length 256 --query-prompt "" --query-max-length 256 --reference "$reference"
done
