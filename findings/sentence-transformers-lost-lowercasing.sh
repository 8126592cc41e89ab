# sentence-transformers 6.2.0: a model that lowercases by do_lower_case no longer does so once it is saved and loaded again
#
# do_lower_case puts Lowercase before the normalizer in memory, which tokenizer.json then has. It is not among the saved
# settings, and transformers 5.24.0 builds the normalizer of a BertTokenizer anew from tokenizer_config.json, which says
# do_lower_case false. Every upper-case word becomes [UNK]; nothing is said.
#
# Seen:
#   TEA before saving [2, 5, 3], after loading [2, 1, 3]
#   tokenizer.json Sequence[Lowercase, BertNormalizer], tokenizer_config.json do_lower_case False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" - 2>/dev/null <<'P'
import json
import sys
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import BertConfig, BertModel, BertTokenizer
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tea"]
BertModel(BertConfig(vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                     max_position_embeddings=16)).save_pretrained("bert")
BertTokenizer(vocab={word: i for i, word in enumerate(words)}, do_lower_case=False).save_pretrained("bert")
model = SentenceTransformer(modules=[Transformer("bert", do_lower_case=True), Pooling(8)], device="cpu")
before = model.tokenizer("TEA")["input_ids"]
model.save_pretrained("saved")
after = SentenceTransformer("saved", device="cpu").tokenizer("TEA")["input_ids"]
print(f"TEA before saving {before}, after loading {after}")
normalizer = json.load(open("saved/tokenizer.json"))["normalizer"]
names = ", ".join(part["type"] for part in normalizer["normalizers"])
flag = json.load(open("saved/tokenizer_config.json"))["do_lower_case"]
print(f"tokenizer.json {normalizer['type']}[{names}], tokenizer_config.json do_lower_case {flag}")
sys.exit(0 if before == [2, 5, 3] and after == [2, 1, 3] else 1)
P
