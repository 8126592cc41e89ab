# Sourced by the demos of media, in the repository's folder, after what (images or speech) is set: packages, weights, tables,
# and a store of their datasets.

bin=.build/release
out=demo-$what
text=.deps/models/all-MiniLM-L6-v2
tables=$out/tables
export TVT_STORE=$out/store
. scripts/steps.sh
. scripts/demo-evaluation.sh

packages=${TVT_DEMO_PACKAGES:-$out/packages}
[ -n "${TVT_DEMO_PACKAGES:-}" ] || step "get the packages" scripts/demo-packages.sh "$what" "$packages"
step "get the tower's weights" scripts/demo-weights.sh "$what"
step "make tables" $bin/demo-captions "$what" --packages "$packages" --output "$tables"

# What names in the tables are relative to.
case $what in
  images) assets=$tables/media ;;
  speech) assets=$packages ;;
esac

# convert NAME FOLDER [OPTION…]: a dataset of the corpus and the queries in the folder.
convert() {
  local name=$1 folder=$tables/$2
  shift 2
  step "convert $name" $bin/tvt-convert v2 --queries "$folder/queries.jsonl" --corpus "$folder/corpus.jsonl" \
    --assets "$assets" --dataset "$name" "$@"
}
step "make a store" $bin/tvt-store init
convert train train
for side in dev test; do
  convert $side $side --qrels "$tables/$side"/qrels/*.tsv
  convert $side-reversed $side/reversed --qrels "$tables/$side"/reversed/qrels/*.tsv
  convert $side-baseline $side/baseline --qrels "$tables/$side"/baseline/qrels/*.tsv
done
step "list the store" $bin/tvt-store ls
