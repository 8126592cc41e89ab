# transformers 5.24.0: AutoTokenizer of a BERT folder without any tokenizer file gives a tokenizer of five tokens, silently
#
# The vocabulary of a BertTokenizer is optional in transformers 5, and what is built without one knows the special tokens only:
# every word is [UNK]. sentence-transformers 6.2.0 encodes with it, and texts of as many words get the same vector. The
# folder is what save_pretrained of a model alone writes. transformers 4.57.6 raises.
#
# Seen:
#   transformers 4.57.6: TypeError
#   transformers 5.24.0: 5 tokens, "green tea" [CLS] [UNK] [UNK] [SEP]
#   sentence-transformers: "green tea" and "black coffee" equal True, a longer text equal False
#   stderr of both: 0 characters
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/old" \
  transformers==4.57.6 protobuf==7.36.2
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 transformers==5.24.0 sentence-transformers==6.2.0
cd "$folder"
export HF_HUB_OFFLINE=1
PYTHONPATH=$folder/py python3 - 2>/dev/null <<'P'
from transformers import BertConfig, BertModel
BertModel(BertConfig(vocab_size=100, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                     max_position_embeddings=16)).save_pretrained("bert")
P
PYTHONPATH=$folder/old python3 - 2>/dev/null <<'P'
import sys
from transformers import AutoTokenizer
try:
    AutoTokenizer.from_pretrained("bert")
except Exception as error:
    print("transformers 4.57.6:", type(error).__name__)
else:
    sys.exit("no error")
P
PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import sys
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoTokenizer
from transformers.utils import logging
logging.disable_progress_bar()
tokenizer = AutoTokenizer.from_pretrained("bert")
tokens = tokenizer.convert_ids_to_tokens(tokenizer("green tea")["input_ids"])
print(f'transformers 5.24.0: {len(tokenizer)} tokens, "green tea"', *tokens)
model = SentenceTransformer(modules=[Transformer("bert"), Pooling(8)], device="cpu")
a, b, c = (model.encode(text, show_progress_bar=False) for text in ("green tea", "black coffee", "green tea in a pot"))
equal, longer = bool((a == b).all()), bool((a == c).all())
print(f'sentence-transformers: "green tea" and "black coffee" equal {equal}, a longer text equal {longer}')
sys.exit(not (len(tokenizer) == 5 and tokens == ["[CLS]", "[UNK]", "[UNK]", "[SEP]"] and equal and not longer))
P
echo "stderr of both: $(wc -c <log) characters"
test ! -s log
