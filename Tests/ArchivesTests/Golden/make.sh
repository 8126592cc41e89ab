#!/usr/bin/env bash
# Makes the packed files beside this script with the stock tools.
set -euo pipefail
cd "$(dirname "$0")"
for number in $(seq 1 200); do echo "{\"docid\": \"d$number\", \"text\": \"line number $number of a small file\"}"; done > lines.jsonl
gzip --no-name --stdout lines.jsonl > lines.gz
zstd --quiet --force --stdout lines.jsonl > lines.zst
xz --stdout lines.jsonl > lines.xz
bzip2 --stdout lines.jsonl > lines.bz2
# Two members, as `cat a.gz b.gz` makes them.
(head -n 100 lines.jsonl | gzip --no-name; tail -n +101 lines.jsonl | gzip --no-name) > members.gz
(head -n 100 lines.jsonl | zstd --quiet; tail -n +101 lines.jsonl | zstd --quiet) > members.zst
(head -n 100 lines.jsonl | xz; tail -n +101 lines.jsonl | xz) > members.xz
(head -n 100 lines.jsonl | bzip2; tail -n +101 lines.jsonl | bzip2) > members.bz2
