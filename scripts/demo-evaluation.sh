# Sourced by the demos of media: how they search and measure, after scripts/steps.sh.

metrics=success@1,success@10,mrr@10

# search WHEN MODEL DATASET: encodes a dataset, the queries of its split `first`, and searches.
search() {
  local when=$1 model=$2 dataset=$3 folder=$out/$1/$3
  mkdir -p "$folder"
  step "$when: encode the documents of $dataset" $bin/tvt-encode corpus "$dataset" --model "$model" \
    --output "$folder/corpus" --resume
  step "$when: encode the queries of $dataset" $bin/tvt-encode queries "$dataset" --split first --model "$model" \
    --output "$folder/queries" --resume
  step "$when: search $dataset" $bin/tvt-search --queries "$folder/queries" --corpus "$folder/corpus" --depth 100 \
    --format tevatron --output "$folder/first.run"
}

# measure NAME RUN DATASET SPLIT: writes measures/NAME.json.
measure() {
  local name=$1 run=$2 dataset=$3 split=$4
  mkdir -p "$out/measures"
  step "measure $name" save "$out/measures/$name.json" $bin/tvt-eval --run "$run" --qrels "$dataset" --split "$split" \
    --metrics "$metrics" --format json
}

# report WHAT [OPTION…]: all measures, and the page.
report() {
  measure captions "$out/captions/test-baseline/first.run" test-baseline first
  local when
  for when in before after; do
    measure "$when" "$out/$when/test/first.run" test first
    # Captions that no caption of the train side is equal to; results of other queries are left out by their judgements.
    measure "$when-new" "$out/$when/test/first.run" test new
    measure "$when-reversed" "$out/$when/test-reversed/first.run" test-reversed first
  done
  local command=($bin/demo-captions report --folder "$out" --what "$@")
  step "write the report" "${command[@]}" --output "$out/report.html"
  echo
  "${command[@]}"
  echo "The report: $out/report.html"
}
