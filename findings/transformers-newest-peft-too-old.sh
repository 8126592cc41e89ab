# transformers 5.24.0 with PEFT 0.21.2, its newest release: an adapter can be loaded, but neither added nor saved
#
# All the methods below but load_adapter ask for PEFT 0.22.0 and raise ValueError; on the day of this run the package index had
# nothing above 0.21.2. An adapter's folder opens and encodes, and save_pretrained of that very model raises, as it does
# through sentence-transformers 6.2.0. PEFT's own get_peft_model and save_pretrained work.
#
# Seen:
#   load_adapter: works
#   AutoModel of an adapter's folder: works
#   SentenceTransformer of it, encode: works
#   add_adapter: asks for PEFT 0.22.0
#   set_adapter: asks for PEFT 0.22.0
#   disable_adapters: asks for PEFT 0.22.0
#   save_pretrained with an adapter: asks for PEFT 0.22.0
#   SentenceTransformer.add_adapter: asks for PEFT 0.22.0
#   SentenceTransformer.save_pretrained with an adapter: asks for PEFT 0.22.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 transformers==5.24.0 peft==0.21.2 sentence-transformers==6.2.0
cd "$folder"
HF_HUB_OFFLINE=1 PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import sys
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModel, BertConfig, BertModel, BertTokenizer
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "green", "tea"]
config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                    max_position_embeddings=16)
lora = LoraConfig(r=2, target_modules=["query"])
BertModel(config).save_pretrained("base")
tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
tokenizer.save_pretrained("base")
get_peft_model(BertModel.from_pretrained("base"), lora).save_pretrained("adapter")
tokenizer.save_pretrained("adapter")


def sentence(name):
    return SentenceTransformer(modules=[Transformer(name), Pooling(8)], device="cpu")


good = True


def look(label, action, wanted):
    global good
    try:
        action()
        works = True
    except ValueError as error:
        works = False
        good = good and "0.22.0" in str(error)
    print(f"{label}: {'works' if works else 'asks for PEFT 0.22.0'}")
    good = good and works == wanted


plain, loaded = BertModel.from_pretrained("base"), BertModel.from_pretrained("base")
look("load_adapter", lambda: loaded.load_adapter("adapter"), True)
look("AutoModel of an adapter's folder", lambda: AutoModel.from_pretrained("adapter"), True)
look("SentenceTransformer of it, encode", lambda: sentence("adapter").encode("green tea"), True)
look("add_adapter", lambda: plain.add_adapter(lora), False)
look("set_adapter", lambda: loaded.set_adapter("default"), False)
look("disable_adapters", lambda: loaded.disable_adapters(), False)
look("save_pretrained with an adapter", lambda: loaded.save_pretrained("saved"), False)
look("SentenceTransformer.add_adapter", lambda: sentence("base").add_adapter(lora), False)
look("SentenceTransformer.save_pretrained with an adapter", lambda: sentence("adapter").save_pretrained("saved"), False)
sys.exit(not good)
P
