# sentence-transformers 6.2.0: a saved "passage" prompt is never used for documents, and truncate_dim un-normalises vectors
#
# Saving adds an empty "document" prompt beside the model's "passage: ", and encode_document takes the first of document,
# passage, corpus that exists: the empty one. truncate_dim is saved and applied behind the Normalize module, so that vectors
# of a model whose similarity is cosine have lengths below 1; a dot-product index built over them ranks differently.
#
# Seen:
#   saved prompts {'document': '', 'passage': 'passage: ', 'query': ''}
#   encode_document differs from no prompt by 0.00, from the passage prompt by 0.10
#   8 components of length 0.50, similarity cosine
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
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import BertConfig, BertModel, BertTokenizer
torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "passage", ":", "tea", "Tea", "pot"]
BertModel(BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                     intermediate_size=32, max_position_embeddings=64)).save_pretrained("bert")
BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained("bert")
SentenceTransformer(modules=[Transformer("bert"), Pooling(32, "mean"), Normalize()], device="cpu", truncate_dim=8,
                    prompts={"query": "", "passage": "passage: "}).save_pretrained("model")
prompts = json.load(open("model/config_sentence_transformers.json"))["prompts"]
model = SentenceTransformer("model", device="cpu")
document, bare = model.encode_document(["tea pot"]), model.encode(["tea pot"])
prompted = model.encode(["tea pot"], prompt_name="passage")
length = float((document**2).sum() ** 0.5)
print("saved prompts", prompts)
print(f"encode_document differs from no prompt by {abs(document - bare).max():.2f}, "
      f"from the passage prompt by {abs(document - prompted).max():.2f}")
print(f"{document.shape[1]} components of length {length:.2f}, similarity {model.similarity_fn_name}")
sys.exit(not (prompts["document"] == "" and abs(document - bare).max() < 1e-6 and abs(document - prompted).max() > 0.01
              and document.shape[1] == 8 and length < 0.9 and model.similarity_fn_name == "cosine"))
P
