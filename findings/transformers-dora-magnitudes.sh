# transformers 5.24.0 with PEFT 0.21.2: load_adapter leaves out the magnitudes of a DoRA adapter that PEFT saved
#
# The file calls one lora_magnitude_vector; transformers' own loader, which AutoModel and sentence-transformers 6.2.0 use for an
# adapter's folder, makes lora_magnitude_vector.default of it, and the model has lora_magnitude_vector.default.weight. The
# magnitudes keep their start, the row norms of the base, and a trained adapter gives other vectors than the model that was
# saved. Nothing is raised; the report of loading on stderr has the two names, as UNEXPECTED and MISSING. LoRA loads well.
#
# Seen (largest difference in a component to the trained model):
#   lora: base 1.87, PeftModel 0.00, load_adapter 0.00, AutoModel 0.00, SentenceTransformer 0.00
#   dora: base 1.21, PeftModel 0.00, load_adapter 1.20, AutoModel 1.20, SentenceTransformer 1.20
#   the report names lora_magnitude_vector
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 transformers==5.24.0 peft==0.21.2 sentence-transformers==6.2.0
cd "$folder"
HF_HUB_OFFLINE=1 PYTHONPATH=$folder/py python3 - 2>log <<'P' || { cat log >&2; exit 1; }
import sys
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModel, BertConfig, BertModel, BertTokenizer
torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "green", "tea"]
BertModel(BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                     max_position_embeddings=16, hidden_dropout_prob=0.0,
                     attention_probs_dropout_prob=0.0)).save_pretrained("base")
tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
ids = torch.tensor([tokenizer("green tea")["input_ids"]])
target = torch.randn(8)


def base():
    return BertModel.from_pretrained("base")


def vector(model):
    return model(ids).last_hidden_state[0].mean(0)


good = True
for kind in ("lora", "dora"):
    model = get_peft_model(base(), LoraConfig(r=2, target_modules=["query", "value"], use_dora=kind == "dora"))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        ((vector(model) - target) ** 2).mean().backward()
        optimizer.step()
    model.save_pretrained(kind)
    tokenizer.save_pretrained(kind)
    loaded = base()
    loaded.load_adapter(kind)
    sentence = SentenceTransformer(modules=[Transformer(kind), Pooling(8, "mean")], device="cpu")
    with torch.no_grad():
        trained = vector(model)
        seen = {"base": vector(base()), "PeftModel": vector(PeftModel.from_pretrained(base(), kind)),
                "load_adapter": vector(loaded), "AutoModel": vector(AutoModel.from_pretrained(kind)),
                "SentenceTransformer": torch.tensor(sentence.encode("green tea"))}
    far = {name: float((value - trained).abs().max()) for name, value in seen.items()}
    print(f"{kind}: " + ", ".join(f"{name} {value:.2f}" for name, value in far.items()))
    equal = {"PeftModel"} | (set(far) - {"base"} if kind == "lora" else set())
    good = good and all(value < 1e-4 if name in equal else value > 0.1 for name, value in far.items())
sys.exit(not good)
P
grep -q "lora_magnitude_vector.*UNEXPECTED" log && grep -q "lora_magnitude_vector.*MISSING" log
echo "the report names lora_magnitude_vector"
