#!/usr/bin/env bash
# All checks that need a GPU, those first that tell the most; each ends after a time, and one that fails does not stop the rest.
#
#   Benchmarks/gpu.sh BUNDLE [OUT] [--quick] [--device cuda|cpu] [--again NAME]… [--only NAME]… [--most SECONDS]
#                     [--patience TIMES]
#
# BUNDLE: the unpacked folder of `make dist`, or one with the tools themselves. OUT (default gpu-results): NAME.json, NAME.log and
# NAME.status of each check, and table.md; what has a status is not run again, unless --again names it. --quick stops after encoding.
# --device cpu tries the script itself where there is no card, on small shapes; --patience multiplies the times, for slow machines.
# All of it ends after --most seconds (480).
# Models and texts are made under GPU_WORK (default: a folder in TMPDIR, kept). Needs python3 with numpy, torch 2.11 with CUDA,
# safetensors, transformers and peft; the tools take their libtorch from that torch, or from TVT_LIBTORCH.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

bundle= out= device=cuda quick= patience=1 most=480 again=() only=() inside=
arguments=("$@")
while (($#)); do
  case $1 in
  --quick) quick=1 ;;
  --device) device=$2 && shift ;;
  --again) again+=("$2") && shift ;;
  --only) only+=("$2") && shift ;;
  --patience) patience=$2 && shift ;;
  --most) most=$2 && shift ;;
  --inside) inside=$2 && shift ;; # this script's own call of one check
  --help | -h) sed -n '2,14s/^# \?//p' "$0" && exit ;;
  -*) echo "gpu.sh: unknown option $1" >&2 && exit 64 ;;
  *) if [ -z "$bundle" ]; then bundle=$1; elif [ -z "$out" ]; then out=$1; else echo "gpu.sh: $1 is too much" >&2 && exit 64; fi ;;
  esac
  shift
done
[ -n "$bundle" ] || { echo "gpu.sh: give the bundle's folder; see --help" >&2; exit 64; }
out=$(realpath -m "${out:-gpu-results}")
tools=$(realpath -m "$bundle") && [ -d "$tools/bin" ] && tools=$tools/bin
[ -x "$tools/tvt-encode" ] || { echo "gpu.sh: $tools has no tvt-encode" >&2; exit 66; }
work=${GPU_WORK:-${TMPDIR:-/tmp}/tvt-gpu-$(id -u)}
mkdir -p "$out" "$work"
export TVT_STORE=$work/store PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=true
python=${PYTHON:-python3}
inputs=("$python" "$root/Benchmarks/gpu_inputs.py")
compare=("$python" "$root/Benchmarks/gpu_compare.py")
peer=("$python" "$root/Benchmarks/gpu_peer.py")
if [ "$device" = cpu ]; then
  jobs=1 small=tiny large=tiny documents=(8 24) batch_tokens=2048 length=64
else
  jobs=6 small=0.6B large=8B documents=(1024 5120) batch_tokens=32768 length=511
fi

# converted NAME COMMAND…: a dataset of the store, unless it is there.
converted() {
  local name=$1
  shift
  (
    flock 9
    [ -d "$TVT_STORE" ] || "$tools/tvt-store" init --store "$TVT_STORE" >&2
    "$tools/tvt-store" show "$name" >/dev/null 2>&1 || "$tools/tvt-convert" "$@" --dataset "$name" --quiet >&2
  ) 9>"$work/store.lock"
}

# model NAME MAKER…: a folder under work/models, which appears when it is complete.
model() {
  local name=$1
  shift
  [ -d "$work/models/$name" ] && return
  rm -rf "$work/models/$name.part" && mkdir -p "$work/models/$name.part"
  "${inputs[@]}" "$@" "$work/models/$name.part" && mv "$work/models/$name.part" "$work/models/$name"
}

# labelled KEY LABEL COMMAND…: the JSON line that a command prints, with a label before it; what fails is said there too.
labelled() {
  local key=$1 label=$2 line status
  shift 2
  line=$("$@")
  status=$?
  [[ $line == {* ]] || line="{\"failed\": $status}"
  printf '{"%s": "%s", %s\n' "$key" "$label" "${line#?}"
  return $status
}

said=(--normalize --query-prompt "" --document-prompt "")

# parity NAME GOLDEN DATASET LENGTH POOLING OPTION…: one family on the CPU and on the device, in both types; a line each.
parity() {
  local name=$1 golden=$2 dataset=$3 length=$4 pooling=$5 type place result=0
  shift 5
  model "$name" golden "$root/Tests/$golden" || return
  for place in cpu-f32 cpu-bf16 "$device-f32" "$device-bf16"; do
    type=${place#*-}
    [ -d "$work/vectors/$name-$place" ] && continue
    "$tools/tvt-encode" corpus "$dataset" --model "$work/models/$name" --pooling "$pooling" "${said[@]}" \
      --document-max-length "$length" --query-max-length "$length" "$@" --device "${place%-*}" --dtype "$type" --threads 2 \
      --output "$work/vectors/$name-$place.part" --quiet >&2 || { rm -rf "$work/vectors/$name-$place.part"; return 1; }
    mv "$work/vectors/$name-$place.part" "$work/vectors/$name-$place"
  done
  # Rounding to 8 bits of mantissa shows more in these small models, whose vectors hang on a few numbers.
  for place in "$device-f32 0.999999 1e-4" "$device-bf16 0.995"; do
    set -- $place
    labelled model "$name ${1#*-}" "${compare[@]}" vectors "$work/vectors/$name-cpu-f32" "$work/vectors/$name-$1" "${@:2}" || result=1
  done
  return $result
}

# several COMMAND-LINES: as many at once as the machine bears; their output in order.
several() {
  local number=0 result=0 line folder
  folder=$(mktemp -d "$work/several.XXXXXX")
  while read -r line; do
    [ -n "$line" ] || continue
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
    number=$((number + 1))
    (eval "$line" >"$folder/$number.out" 2>"$folder/$number.err" || echo "$line" >"$folder/$number.failed") &
  done
  wait
  for ((line = 1; line <= number; line++)); do
    cat "$folder/$line.out"
    grep -v 'weights are random' "$folder/$line.err" >&2
    [ -e "$folder/$line.failed" ] && { echo "failed: $(cat "$folder/$line.failed")" >&2; result=1; }
  done
  rm -rf "$folder"
  return $result
}

check_card() {
  [ "$device" = cpu ] || nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv,noheader >&2
  "${peer[@]}" facts "$device" --device "$device"
}

check_parity() {
  "${inputs[@]}" texts "$work/words.jsonl" 48 '~15' && converted words v2 --corpus "$work/words.jsonl" || return
  local name
  for name in bert roberta xlm-roberta mpnet modernbert distilbert llama llama-yarn mistral qwen2 qwen2-window qwen3 gemma3 \
    gemma3-odd embedding-gemma2-text; do
    echo "parity $name ModelsTests/Golden/families/$name.json words 18 mean"
  done | several
}

check_media() {
  "${inputs[@]}" media "$work/media.jsonl" || return
  converted media v2 --corpus "$work/media.jsonl" --assets "$root/Tests/EncodingTests/Golden/media/files" || return
  # Some read no sounds, which are then left out.
  local golden=EncodingTests/Golden/media name
  {
    echo "parity graft $golden/graft.json media 250 mean --quarantine $work/graft.left"
    for name in qwen2-vl qwen2.5-vl qwen3-vl omni; do
      echo "parity $name $golden/$name.json media 400 last --inputs chat=true --quarantine $work/$name.left"
    done
    echo "parity embedding-gemma2 $golden/embedding-gemma2.json media 400 mean --inputs chat=true --quarantine $work/gemma.left"
  } | several
}

# config MODEL DATASET STEPS QUERIES PASSAGES LINE…
config() {
  printf '%s\n' "model: $work/models/$1" "datasets: [{name: $2}]" "steps: $3" "queries_per_step: $4" "passages_per_query: $5" \
    "temperature: 0.05" "pooling: last" "normalize: true" 'prompts: {query: "", document: ""}' "checkpoint_every_minutes: 0" \
    "optimizer: {learning_rate: 1e-3}" "${@:6}"
}
adapter='lora: {r: 16, alpha: 64, dropout: 0.1, targets: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]}'

# trained NAME LIMIT OPTION… <CONFIG: 20 steps on the CPU and on the device.
trained() {
  local name=$1 limit=$2 place
  shift 2
  cat >"$work/$name.yaml"
  for place in cpu "$device"; do
    rm -rf "$work/runs/$name-$place"
    "$tools/tvt-train" --config "$work/$name.yaml" --output "$work/runs/$name-$place" --device "$place" --threads 2 --quiet "$@" \
      >&2 || return
  done
  labelled run "$name" "${compare[@]}" losses "$work/runs/$name-cpu" "$work/runs/$name-$device" "$limit"
}

# What the short runs train, and where they go.
short_runs() {
  model qwen3 golden "$root/Tests/ModelsTests/Golden/families/qwen3.json" || return
  "${inputs[@]}" training "$work/small.jsonl" 160 4 12 && converted small v1-to-v2 "$work/small.jsonl" || return
  mkdir -p "$work/runs"
}

check_train() {
  short_runs || return
  local base='config qwen3 small 20 8 4 "max_lengths: {query: 18, document: 18}"'
  several <<END
$base | trained full-f32 1e-4
$base '$adapter' | trained lora-f32 1e-4
$base '$adapter' 'dtype: bf16' | trained lora-bf16 3e-2
$base 'dtype: bf16' | trained full-bf16 3e-2
$base '$adapter' | trained recomputed 1e-4 --trace recompute
$base '$adapter' 'chunk_tokens: 64' | trained chunked 1e-4
$base '$adapter' 'chunk_tokens: 64' | trained streamed 1e-4 --weights streamed --trace recompute
END
}

# Processes that exchange: over NCCL with a card for each, else through the machine's memory; what it was, tvt-train says.
check_group() {
  short_runs || return
  local cards processes shard type name result=0
  cards=$(nvidia-smi --list-gpus 2>/dev/null | wc -l)
  processes=$((cards < 2 ? 2 : cards > 8 ? 8 : cards))
  for type in f32 bf16; do
    config qwen3 small 20 8 4 'max_lengths: {query: 18, document: 18}' "dtype: $type" >"$work/group-$type.yaml"
    rm -rf "$work/runs/group-$type"
    "$tools/tvt-train" --config "$work/group-$type.yaml" --output "$work/runs/group-$type" --threads 2 --quiet >&2 || return
    for shard in none gradients weights; do
      name=group-$type-$shard
      rm -rf "$work/runs/$name"
      "$tools/tvt-train" --config "$work/group-$type.yaml" --output "$work/runs/$name" --device "$device" --shard "$shard" \
        --processes "$processes" >&2
      labelled run "$processes processes, $type, shard $shard" "${compare[@]}" losses "$work/runs/group-$type" \
        "$work/runs/$name" "$([ "$type" = f32 ] && echo 1e-4 || echo 3e-2)" || result=1
    done
  done
  return $result
}

check_encode() {
  model "$small" shaped "$small" || return
  local count seconds=()
  for count in "${documents[@]}"; do
    "${inputs[@]}" texts "$work/texts-$count.jsonl" "$count" "$length" &&
      converted "texts-$count" v2 --corpus "$work/texts-$count.jsonl" || return
    rm -rf "$work/encoded-$count"
    "$tools/tvt-encode" corpus "texts-$count" --model "$work/models/$small" --pooling last "${said[@]}" --document-max-length 512 \
      --query-max-length 512 --device "$device" --dtype bf16 --batch-tokens "$batch_tokens" --output "$work/encoded-$count" --quiet \
      --json >"$work/encoded-$count.json" || return
    cat "$work/encoded-$count.json" >&2
  done
  # What both have in common, the first start of kernels above all, is no part of the difference.
  "$python" - "$work"/encoded-{"${documents[0]}","${documents[1]}"}.json <<'END'
import json, sys
few, many = (json.load(open(path)) for path in sys.argv[1:])
seconds = many["seconds"] - few["seconds"]
print(json.dumps({"side": "tvt", "documents_per_second": (many["encoded"] - few["encoded"]) / seconds,
                  "tokens_per_second": (many["tokens"] - few["tokens"]) / seconds, "whole_seconds": many["seconds"],
                  "load_seconds": many["load_seconds"]}))
END
  [ $? = 0 ] || return
  local batch
  for batch in 32 128; do
    labelled side "transformers, batch $batch" "${peer[@]}" encode "$work/models/$small" "$work/texts-${documents[0]}.jsonl" \
      "$work/peer.npy" --device "$device" --batch "$batch"
  done
  "${compare[@]}" rows "$work/encoded-${documents[0]}" "$work/peer.npy" 0.99
}

# lora SHAPE STEPS TRACE…: steps of tvt and of its peer, with activations kept or recomputed.
lora() {
  local shape=$1 steps=$2 trace name result=0
  shift 2
  model "$shape" shaped "$shape" || return
  "${inputs[@]}" training "$work/lora.jsonl" 64 8 "$length" && converted lora v1-to-v2 "$work/lora.jsonl" || return
  config "$shape" lora "$steps" 8 8 "dtype: bf16" "max_lengths: {query: 512, document: 512}" "$adapter" >"$work/lora-$shape.yaml"
  for trace in "$@"; do
    name=$work/runs/lora-$shape-$trace
    rm -rf "$name" && mkdir -p "$work/runs"
    "$tools/tvt-train" --config "$work/lora-$shape.yaml" --output "$name" --device "$device" --trace "$trace" --no-golden-check \
      --quiet >&2
    labelled side "tvt, $trace" "${compare[@]}" pace "$name" 2 || result=1
  done
  for trace in "$@"; do
    # What a peer cannot do, as for want of memory, is a result.
    labelled side "peft, $trace" "${peer[@]}" lora "$work/models/$shape" "$work/lora.jsonl" --device "$device" --steps "$steps" \
      $([ "$trace" = keep ] || echo --checkpointing)
  done
  return $result
}

check_lora() { lora "$small" 8 keep recompute; }
check_lora_large() { lora "$large" 5 recompute; }

# large_steps NAME CHUNK OPTION…: the pace and the memory of two steps of the large model, 32 queries with 16 passages of 156 tokens.
large_steps() {
  local name=$1 chunk=$2
  shift 2
  model "$large" shaped "$large" || return
  "${inputs[@]}" training "$work/rows.jsonl" 64 16 155 && converted rows v1-to-v2 "$work/rows.jsonl" || return
  config "$large" rows 2 32 16 "dtype: bf16" "max_lengths: {query: 32, document: 156}" "$adapter" "chunk_tokens: $chunk" \
    >"$work/$name.yaml"
  rm -rf "$work/runs/$name" && mkdir -p "$work/runs"
  "$tools/tvt-train" --config "$work/$name.yaml" --output "$work/runs/$name" --device "$device" --trace recompute --no-golden-check \
    "$@" >&2 || return
  "${compare[@]}" pace "$work/runs/$name" 1
}

# The ×1 row of the original's table, on one card.
check_memory() { large_steps rows 16384 --quiet; }

# A rank's memory where four divide the large model: on one card, where there are not four.
check_shard() { large_steps shard 4096 --shard weights --processes 4; }

if [ -n "$inside" ]; then
  "check_$inside"
  exit
fi

checks=(card:60 parity:150 train:120 media:90 encode:120 lora:120 lora_large:200 memory:120 group:120 shard:180)
[ -z "$quick" ] || checks=("${checks[@]:0:5}")
for entry in "${checks[@]}"; do
  name=${entry%:*}
  ((${#only[@]} == 0)) || [[ " ${only[*]} " == *" $name "* ]] || continue
  [[ " ${again[*]-} " != *" $name "* ]] || rm -f "$out/$name."*
  [ ! -e "$out/$name.status" ] || { echo "$name: has its result" >&2; continue; }
  ((SECONDS < most)) || { echo "$name: not started, as $SECONDS s are over" >&2; continue; }
  begin=$SECONDS
  limit=$((${entry#*:} * patience))
  ((limit <= most - SECONDS)) || limit=$((most - SECONDS))
  timeout --kill-after=10 "$limit" bash "$0" "${arguments[@]}" --inside "$name" >"$out/$name.json" 2>"$out/$name.log"
  status=$?
  echo "$status $((SECONDS - begin))" >"$out/$name.status"
  echo "$name: status $status after $((SECONDS - begin)) s" >&2
done
"${compare[@]}" table "$out" | tee "$out/table.md"
