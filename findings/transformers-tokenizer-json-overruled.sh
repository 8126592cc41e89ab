# transformers 5.24.0: tokenizer_config.json overrules tokenizer.json for classes like BertTokenizer
#
# A folder whose tokenizer_config.json says do_lower_case false while its tokenizer.json lower-cases gives other ids
# through AutoTokenizer than through the tokenizers library reading the same tokenizer.json: the class takes only the
# vocabulary from tokenizer.json and builds the normalizer anew from the other file.
#
# Seen:
#   transformers [2, 6, 3]
#   tokenizers [2, 5, 3]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - 2>/dev/null <<'P'
import json
import sys
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertTokenizer
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tea", "Tea"]
BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained("saved")
config = json.load(open("saved/tokenizer_config.json"))
config["do_lower_case"] = False
json.dump(config, open("saved/tokenizer_config.json", "w"))
by_class = AutoTokenizer.from_pretrained("saved")("Tea")["input_ids"]
by_file = Tokenizer.from_file("saved/tokenizer.json").encode("Tea").ids
print("transformers", by_class)
print("tokenizers", by_file)
sys.exit(not (by_class == [2, 6, 3] and by_file == [2, 5, 3]))
P
