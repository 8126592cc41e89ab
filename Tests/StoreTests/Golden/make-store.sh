#!/bin/sh
# Makes the frozen store of today's format from store-1-sources: make-store.sh TARGET, with the tools on PATH.
# Run it for a new version of the format only, into a folder of its own; the old ones stay as they are.
set -eu
target=$(realpath -m "$1")
cd "$(dirname "$0")/store-1-sources"
export TVT_STORE="$target"
tvt-convert v2 --queries queries.jsonl --corpus corpus.jsonl --qrels test.tsv dev.tsv --assets . --licence CC0 --dataset old
tvt-store dedup old --as old@dedup
tvt-store tag old once
tvt-store rm once
rm -rf "$target/tmp" "$target/lock" "$target"/catalog.sqlite*
