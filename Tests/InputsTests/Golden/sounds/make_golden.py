"""What transformers' feature extractors make of sounds that are computed by a formula.

`python make_golden.py` with transformers 5.24.0, torch 2.13.0 (CPU), numpy 2.4.6 writes, beside itself:

- `features.json`: for each case the extractor and its arguments, the signal and its number of samples, the shape of the
  features, which frames were kept, and the mean, the largest and the smallest of all values;
- `features.f32`: the kept frames one after the other, mels in order, little-endian float32;
- `lengths.json`: tokens by number of samples, by the functions of the models' own code;
- `written/`: configurations as `save_pretrained` writes them.
"""

import json
import math
import pathlib
import warnings

import numpy as np
from transformers import Gemma4AudioFeatureExtractor, WhisperFeatureExtractor
from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import _get_feat_extract_output_lengths

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent


def noise(n):
    """Numbers from -1 to 1, each a function of its index alone."""
    x = np.arange(n, dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    x ^= x >> np.uint32(16)
    return ((x >> np.uint32(8)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def signal(name, n):
    i = np.arange(n, dtype=np.float64)
    match name:
        case "silence":
            return np.zeros(n, np.float32)
        case "impulse":
            x = np.zeros(n, np.float32)
            x[-1] = 1
            return x
        case "noise":  # ends with a click
            x = noise(n) * np.float32(0.25)
            x[-1] = 1
            return x
        case "sweep":  # 50 Hz and up, by 3 kHz a second
            t = i / 16000
            return (0.5 * np.sin(2 * math.pi * (50 + 1500 * t) * t)).astype(np.float32)
        case "waves":  # noise that comes and goes once in 7 seconds
            return (noise(n).astype(np.float64) * np.sin(2 * math.pi * (i / 112000)) ** 2 * 0.5).astype(np.float32)
    raise ValueError(name)


omni = dict(feature_size=128, chunk_length=300)
odd = dict(feature_size=40, chunk_length=2, sampling_rate=22050, hop_length=200, n_fft=512)
plain = [1, 160, 161, 320, 321, 16000, 16001]
cases = [("clip", omni, "noise", n) for n in plain]
cases += [("clip", omni, "impulse", 1100), ("clip", omni, "silence", 1600), ("clip", omni, "sweep", 40000)]
cases += [("clip", omni, "waves", n) for n in (4799950, 4800000, 4900000)]
cases += [("clip", odd, "noise", n) for n in (1, 400, 10000, 43900, 44100, 50000)]
cases += [("chunk", {}, "noise", n) for n in (1, 16000, 479990, 480000, 500000)]
cases += [("chunk", {}, "silence", 16000), ("chunk", dict(feature_size=128), "sweep", 40000)]
gemma = [161, 320, 321, 481, 16000, 16001]
changed = dict(
    feature_size=40, fft_overdrive=True, min_frequency=125.0, max_frequency=7600.0, input_scale_factor=0.5,
    mel_floor=1e-5, frame_length_ms=32.0, hop_length_ms=12.5, per_bin_mean=[k / 8 - 3 for k in range(40)],
    per_bin_stddev=[1 + k / 16 for k in range(40)])
cases += [("gemma", {}, "noise", n) for n in gemma]
cases += [("gemma", {}, "waves", n) for n in (480000, 500000)]
cases += [("gemma", {}, "impulse", 1100), ("gemma", {}, "silence", 1600), ("gemma", {}, "sweep", 40000)]
cases += [("gemma", changed, "noise", 16000)]


def features(kind, arguments, x):
    """Frames, mels."""
    if kind == "gemma":
        out = Gemma4AudioFeatureExtractor(**arguments)([x], return_tensors="np")
        mask = out["input_features_mask"][0]
        return out["input_features"][0][mask]
    extractor = WhisperFeatureExtractor(**arguments)
    out = extractor([x], sampling_rate=extractor.sampling_rate, return_attention_mask=True, return_tensors="np")
    frames = out["input_features"][0].T
    return frames if kind == "chunk" else frames[: out["attention_mask"][0].sum()]


described, values = [], []
for kind, arguments, name, n in cases:
    y = features(kind, arguments, signal(name, n))
    count = len(y)
    middle = np.linspace(3, count - 4, 7).astype(int).tolist()
    kept = list(range(count)) if count <= 12 else sorted({0, 1, 2, *middle, *range(count - 3, count)})
    values.append(y[kept].astype("<f4"))
    described.append(dict(
        kind=kind, arguments=arguments, signal=name, samples=n, frames=count, mels=y.shape[1], kept=kept,
        mean=float(y.astype(np.float64).mean()), largest=float(y.max()), smallest=float(y.min())))
(here / "features.f32").write_bytes(b"".join(v.tobytes() for v in values))
(here / "features.json").write_text(json.dumps(described, indent=1) + "\n")

lengths = []
extractor, halved = WhisperFeatureExtractor(**omni), lambda n: (n - 1) // 2 + 1
for n in [1, 160, 320, 321, 480, 481, 640, 641, 800, 801, 16000, 16001, 31999, 32000, 32001, 123456, 4800000]:
    out = extractor([np.zeros(n, np.float32)], sampling_rate=16000, return_attention_mask=True, return_tensors="np")
    frames = int(out["attention_mask"][0].sum())
    chunks = [200] * (frames // 200) + ([frames % 200] if frames % 200 else [])
    lengths.append(dict(
        tower="omni", samples=n, frames=frames, rows=sum(halved(c) for c in chunks),
        tokens=int(_get_feat_extract_output_lengths(out["attention_mask"][0].sum()))))
for n in [161, 320, 321, 480, 481, 640, 641, 800, 801, 961, 16000, 16001, 479999, 480000]:
    mask = Gemma4AudioFeatureExtractor()([np.zeros(n, np.float32)], return_tensors="np")["input_features_mask"][0]
    lengths.append(dict(
        tower="gemma", samples=n, frames=int(mask.sum()), rows=halved(halved(int(mask.sum()))),
        tokens=halved(halved(int(mask.sum())))))
(here / "lengths.json").write_text(json.dumps(lengths, indent=1) + "\n")

written = here / "written"
for folder, extractor in {
    "whisper": WhisperFeatureExtractor(), "omni": WhisperFeatureExtractor(**omni),
    "gemma": Gemma4AudioFeatureExtractor(), "gemma-changed": Gemma4AudioFeatureExtractor(
        **{k: v for k, v in changed.items() if not k.endswith("_ms")}),
    # Its own numbers are not read back: 32 ms become 20 again.
    "gemma-lost": Gemma4AudioFeatureExtractor(frame_length_ms=32.0),
}.items():
    extractor.save_pretrained(written / folder)
nested = json.loads((written / "gemma" / "preprocessor_config.json").read_text())
(written / "nested").mkdir(exist_ok=True)
(written / "nested" / "processor_config.json").write_text(json.dumps(
    dict(processor_class="EmbeddingGemma2Processor", audio_seq_length=280, feature_extractor=nested), indent=1) + "\n")
lost = Gemma4AudioFeatureExtractor.from_pretrained(written / "gemma-lost")
print("32 ms after saving and loading:", lost.frame_length, "samples")

x = [signal("noise", 16000)]
same = [
    np.array_equal(
        extractor(x, sampling_rate=16000, return_tensors="np")["input_features"],
        WhisperFeatureExtractor(**stated)(x, sampling_rate=16000, return_tensors="np")["input_features"])
    for extractor in [WhisperFeatureExtractor()]
    for stated in [dict(do_normalize=True), dict(n_samples=7, nb_max_frames=7), dict(mel_filters=[[1]]),
                   dict(return_attention_mask=True)]
]
print("fields without effect:", same)
