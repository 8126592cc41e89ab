# sentence-transformers 6.2.0: with include_prompt=False and a byte-level BPE, a prompt that ends in a space takes the first word with it
#
# How many tokens the pooling leaves out is counted of the prompt by itself, where the space at its end is a token. Before a text that
# space is the beginning of its first word, so that the word's first token is left out in its stead. A text of one token has
# nothing left, and its vector is zero; nothing is said. Without the space in the prompt (it is then in the text) all is well.
#
# Seen (in both ways the text begins with the third token):
#   prompt "query: ": query : Ġ; with tea: query : Ġtea
#     tea: length 0.00; green tea: that of its tokens from the 4th
#   prompt "query:": query :; with tea: query : Ġtea
#     tea: length 2.82; green tea: that of its tokens from the 3rd
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
cd "$folder"
HF_HUB_OFFLINE=1 PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import sys
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model
torch.manual_seed(0)
words, merges = ["<pad>", *"abcdefghijklmnopqrstuvwxyz:Ġ"], []
for word in ("query", "Ġtea", "Ġgreen"):
    for end in range(1, len(word)):
        merges.append((word[:end], word[end]))
        words.append(word[: end + 1])
tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>").save_pretrained("qwen")
Qwen2Model(Qwen2Config(vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                       num_key_value_heads=2, intermediate_size=8)).save_pretrained("qwen")
encoder = Qwen2Model.from_pretrained("qwen").eval()
good = True
for prompt, space, first in [("query: ", "", 4), ("query:", " ", 3)]:
    pooling = Pooling(8, "mean", include_prompt=False)
    model = SentenceTransformer(modules=[Transformer("qwen"), pooling], device="cpu")
    alone, whole = (" ".join(model.tokenizer.tokenize(text)) for text in (prompt, prompt + space + "tea"))
    one, two = (torch.tensor(model.encode(space + text, prompt=prompt)) for text in ("tea", "green tea"))
    with torch.no_grad():
        tokens = encoder(**model.tokenizer(prompt + space + "green tea", return_tensors="pt")).last_hidden_state[0]
    means = {"3rd": tokens[2:].mean(0), "4th": tokens[3:].mean(0)}
    equal = [name for name, mean in means.items() if torch.allclose(mean, two, atol=1e-5)]
    print(f'prompt "{prompt}": {alone}; with tea: {whole}')
    print(f"  tea: length {one.norm():.2f}; green tea: that of its tokens from the {' and '.join(equal)}")
    good = good and whole == "query : Ġtea" and equal == [["3rd"], ["4th"]][first - 3] and (one.norm() == 0) == (first == 4)
sys.exit(not good)
P
