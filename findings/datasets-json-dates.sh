# datasets 5.2.0: ids that look like dates become times as load_dataset reads JSON Lines, and to_json writes them as numbers
#
# Arrow's JSON reader, which infers the types, takes a column for times where all its strings are ISO dates; nobody asked for it,
# and datasets passes it on. An _id "1998-03-12" is 889660800000 in the JSON Lines that it writes and a timestamp in Parquet, and
# neither is found in the judgements, whose ids are texts. One other id among them, and all stay strings. Asking for strings
# by features= turns the times back into texts, and into other ones.
#
# Seen:
#   all dates: _id timestamp[s]; to_json {"_id":889660800000,"text":"news"}; to_parquet timestamp[ms]
#   one other: _id string; to_json {"_id":"1998-03-12","text":"news"}; to_parquet string
#   all dates, features given: _id string; to_json {"_id":"1998-03-12 00:00:00","text":"news"}; to_parquet string
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
cd "$folder"
HF_HOME=$folder HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 "$folder/venv/bin/python" - 2>log <<'P' || { cat log >&2; exit 1; }
import json
import sys
import pyarrow.parquet
from datasets import Features, Value, load_dataset
strings = Features({"_id": Value("string"), "text": Value("string")})
found = []
for label, second, features in [
    ("all dates", "1998-03-13", None), ("one other", "letter", None), ("all dates, features given", "1998-03-13", strings)]:
    with open("corpus.jsonl", "w") as file:
        for id, text in [("1998-03-12", "news"), (second, "more")]:
            file.write(json.dumps({"_id": id, "text": text}) + "\n")
    corpus = load_dataset("json", data_files="corpus.jsonl", split="train", features=features)
    corpus.to_json("written.jsonl")
    corpus.to_parquet("written.parquet")
    with open("written.jsonl") as file:
        line = file.readline().strip()
    stored = str(pyarrow.parquet.read_schema("written.parquet").field("_id").type)
    print(f"{label}: _id {corpus.features['_id'].dtype}; to_json {line}; to_parquet {stored}")
    found.append((corpus.features["_id"].dtype, json.loads(line)["_id"], stored))
time, text, changed = 889_660_800_000, "1998-03-12", "1998-03-12 00:00:00"
sys.exit(found != [("timestamp[s]", time, "timestamp[ms]"), ("string", text, "string"), ("string", changed, "string")])
P
