# transformers 5.24.0: a saved GemmaTokenizer that puts <bos> before texts stops it if loaded with add_eos_token=True
#
# add_bos_token is documented as True by default and is False. Given, it is saved as tokenizer.json's template and by no flag,
# so that the loaded tokenizer puts <bos> and says add_bos_token False; naming the other flag, whatever its value, builds the
# template anew from both. add_bos_token=True takes <eos> away in the same way. Nothing is said.
#
# Seen:
#   neither given: a ▁ b (add_bos_token False, add_eos_token False)
#   add_bos_token=True: <bos> a ▁ b (add_bos_token True, add_eos_token False)
#     saved, loaded: <bos> a ▁ b (add_bos_token False, add_eos_token False)
#     loaded with add_eos_token=True: a ▁ b <eos> (add_bos_token False, add_eos_token True)
#     loaded with add_eos_token=False: a ▁ b (add_bos_token False, add_eos_token False)
#   both given, saved, loaded: <bos> a ▁ b <eos> (add_bos_token False, add_eos_token False)
#     loaded with add_bos_token=True: <bos> a ▁ b (add_bos_token True, add_eos_token False)
#   flags in tokenizer_config.json: []
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" transformers==5.24.0
cd "$folder"
HF_HUB_OFFLINE=1 PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import json
import sys
from transformers import AutoTokenizer, GemmaTokenizer
words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "a", "▁", "b"]
vocabulary = {word: i for i, word in enumerate(words)}
good = "add_bos_token (`bool`, optional, defaults to True)" in GemmaTokenizer.__doc__


def look(label, tokenizer, wanted):
    global good
    seen = " ".join(tokenizer.convert_ids_to_tokens(tokenizer("a b")["input_ids"]))
    print(f"{label}: {seen} (add_bos_token {tokenizer.add_bos_token}, add_eos_token {tokenizer.add_eos_token})")
    good = good and seen == wanted


look("neither given", GemmaTokenizer(vocab=vocabulary, merges=[]), "a ▁ b")
made = GemmaTokenizer(vocab=vocabulary, merges=[], add_bos_token=True)
look("add_bos_token=True", made, "<bos> a ▁ b")
made.save_pretrained("begin")
look("  saved, loaded", AutoTokenizer.from_pretrained("begin"), "<bos> a ▁ b")
look("  loaded with add_eos_token=True", AutoTokenizer.from_pretrained("begin", add_eos_token=True), "a ▁ b <eos>")
look("  loaded with add_eos_token=False", AutoTokenizer.from_pretrained("begin", add_eos_token=False), "a ▁ b")
made = GemmaTokenizer(vocab=vocabulary, merges=[], add_bos_token=True, add_eos_token=True)
made.save_pretrained("both")
look("both given, saved, loaded", AutoTokenizer.from_pretrained("both"), "<bos> a ▁ b <eos>")
look("  loaded with add_bos_token=True", AutoTokenizer.from_pretrained("both", add_bos_token=True), "<bos> a ▁ b")
flags = [name for name in json.load(open("both/tokenizer_config.json")) if name.startswith("add_")]
print("flags in tokenizer_config.json:", flags)
sys.exit(not (good and flags == []))
P
if grep -q _token log; then exit 1; fi
