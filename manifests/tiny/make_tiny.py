"""Makes the folders of the -tiny manifests: configuration, tokenizer, processors and chat template of four families, at a
size that trains in seconds. `tvt-model random` makes checkpoints of them.

    python3 manifests/tiny/make_tiny.py

Standard library only (Python 3.9 or later); a second run writes the same bytes. The tokenizer is a byte-level BPE with
merges learned from the samples of datasets/beir and datasets/tevatron; special tokens, fields and file names are those of
the published Qwen2.5, Qwen2-VL, Qwen2.5-VL and Qwen2.5-Omni, the templates are our own in their form.
"""

import collections
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATASETS = HERE.parent.parent / "datasets"
MERGES = 240

CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PICTURES = ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
OMNI = ["<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|vision_bos|>", "<|vision_eos|>", "<|IMAGE|>", "<|VIDEO|>"]

# Larger than the published 0.02: what random layers of this size add would be lost beside what enters them.
DEVIATION = 0.15


def byte_names():
    """GPT-2's printable names of bytes, as every byte-level BPE has them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {byte: chr(byte) for byte in plain}
    for number, byte in enumerate(byte for byte in range(256) if byte not in names):
        names[byte] = chr(256 + number)
    return names


def corpus():
    for line in (DATASETS / "beir/sample/corpus.jsonl").read_text().splitlines():
        yield json.loads(line)["text"]
    for path in sorted((DATASETS / "beir/sample").glob("queries*.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)["text"]


def learn():
    """The vocabulary of bytes and merges, by frequency, ties by the bytes' names."""
    names = byte_names()
    words = collections.Counter()
    for text in corpus():
        for position, word in enumerate(text.split(" ")):
            written = (" " if position else "") + word
            words[tuple(names[byte] for byte in written.encode())] += 1
    vocabulary = [names[byte] for byte in range(256)]
    merges = []
    while len(merges) < MERGES:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(list(best))
        vocabulary.append("".join(best))
        merged = collections.Counter()
        for word, count in words.items():
            parts, index = [], 0
            while index < len(word):
                if word[index : index + 2] == best:
                    parts.append("".join(best))
                    index += 2
                else:
                    parts.append(word[index])
                    index += 1
            merged[tuple(parts)] += count
        words = merged
    return vocabulary, merges


def write_json(path, value, indent=1):
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def write_tokenizer(folder, specials):
    vocabulary, merges = LEARNED
    ids = {token: number for number, token in enumerate(vocabulary)}
    added = [
        dict(
            id=len(ids) + number, content=token, single_word=False, lstrip=False, rstrip=False, normalized=False,
            special=True)
        for number, token in enumerate(specials)
    ]
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    plain = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer = dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=dict(type="NFC"),
        pre_tokenizer=dict(
            type="Sequence",
            pretokenizers=[
                dict(type="Split", pattern=dict(Regex=pattern), behavior="Isolated", invert=False), plain,
            ]),
        post_processor=plain, decoder=plain,
        model=dict(
            type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="", end_of_word_suffix="",
            fuse_unk=False, byte_fallback=False, vocab=ids, merges=[" ".join(pair) for pair in merges]))
    # In one line: a vocabulary of one token a line is no easier to read.
    write_json(folder / "tokenizer.json", tokenizer, indent=None)
    write_json(
        folder / "tokenizer_config.json",
        dict(
            tokenizer_class="Qwen2Tokenizer", add_bos_token=False, add_prefix_space=False, bos_token=None,
            eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token=None, errors="replace",
            split_special_tokens=False, clean_up_tokenization_spaces=False, model_max_length=2048))
    return {token: len(ids) + number for number, token in enumerate(specials)}, len(ids) + len(specials)


def template(image, video, audio=None):
    """Turns between <|im_start|> and <|im_end|>, items of media where they stand among the texts."""
    branches = [("image", image), ("video", video)] + ([("audio", audio)] if audio else [])
    items = "".join(
        "{% " + ("if" if number == 0 else "elif") + f" part['type'] == '{kind}'" + " %}" + text
        for number, (kind, text) in enumerate(branches))
    return (
        "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
        "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
        + items + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def text_config(model_type, vocabulary_size, axes=True):
    config = dict(
        model_type=model_type, attention_dropout=0.0, hidden_act="silu", hidden_size=64, initializer_range=DEVIATION,
        intermediate_size=128, max_position_embeddings=2048, max_window_layers=2, num_attention_heads=4,
        num_hidden_layers=2, num_key_value_heads=2, rms_norm_eps=1e-6, sliding_window=None, use_cache=True,
        use_sliding_window=False, vocab_size=vocabulary_size)
    rope = dict(rope_theta=10000.0, rope_type="default")
    if axes:
        rope["mrope_section"] = [2, 3, 3]
    return config | dict(rope_parameters=rope)


def vision_config(model_type, **more):
    return dict(
        model_type=model_type, depth=2, hidden_act="silu", in_channels=3, initializer_range=DEVIATION, num_heads=2,
        patch_size=14, spatial_merge_size=2, temporal_patch_size=2) | more


NEW_VISION = dict(hidden_size=32, intermediate_size=64, out_hidden_size=64, fullatt_block_indexes=[1], window_size=56)
PIXELS = dict(
    do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True,
    image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711], merge_size=2,
    patch_size=14, resample=3, rescale_factor=1 / 255, temporal_patch_size=2)


def write_pictures(folder):
    write_json(
        folder / "preprocessor_config.json",
        dict(image_processor_type="Qwen2VLImageProcessor", size=dict(shortest_edge=3136, longest_edge=1003520)) | PIXELS)
    write_json(
        folder / "video_preprocessor_config.json",
        dict(
            video_processor_type="Qwen2VLVideoProcessor", size=dict(shortest_edge=3136, longest_edge=602112),
            do_sample_frames=False, min_frames=4, max_frames=768)
        | PIXELS)


def folder(name):
    path = HERE / name
    path.mkdir(exist_ok=True)
    return path


def qwen2():
    path = folder("qwen2.5")
    _, size = write_tokenizer(path, CHAT)
    config = text_config("qwen2", size, axes=False)
    write_json(path / "config.json", config | dict(architectures=["Qwen2Model"], tie_word_embeddings=False))


def vl(name, model_type, vision, **more):
    path = folder(name)
    ids, size = write_tokenizer(path, CHAT + PICTURES)
    write_json(
        path / "config.json",
        dict(
            model_type=model_type, text_config=text_config(model_type + "_text", size), vision_config=vision,
            image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
            vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
            tie_word_embeddings=False))
    write_pictures(path)
    marked = "<|vision_start|><|{}_pad|><|vision_end|>"
    (path / "chat_template.jinja").write_text(template(marked.format("image"), marked.format("video")))


def omni():
    path = folder("qwen2.5-omni")
    ids, size = write_tokenizer(path, CHAT + OMNI)
    write_json(
        path / "config.json",
        dict(
            model_type="qwen2_5_omni_thinker", text_config=text_config("qwen2_5_omni_text", size),
            vision_config=vision_config("qwen2_5_omni_vision_encoder", **NEW_VISION),
            audio_config=dict(
                model_type="qwen2_5_omni_audio_encoder", activation_dropout=0.0, activation_function="gelu",
                attention_dropout=0.0, d_model=32, dropout=0.0, encoder_attention_heads=2, encoder_ffn_dim=64,
                encoder_layers=2, initializer_range=DEVIATION, max_source_positions=1500, n_window=100,
                num_mel_bins=32, output_dim=64, scale_embedding=False),
            audio_token_index=ids["<|AUDIO|>"], image_token_index=ids["<|IMAGE|>"],
            video_token_index=ids["<|VIDEO|>"], audio_start_token_id=ids["<|audio_bos|>"],
            audio_end_token_id=ids["<|audio_eos|>"], vision_start_token_id=ids["<|vision_bos|>"],
            vision_end_token_id=ids["<|vision_eos|>"], position_id_per_seconds=25, seconds_per_chunk=2,
            initializer_range=DEVIATION, tie_word_embeddings=False))
    write_pictures(path)
    # One file for both, as the published folder has it.
    sounds = dict(
        feature_extractor_type="WhisperFeatureExtractor", chunk_length=300, dither=0.0, feature_size=32, hop_length=160,
        n_fft=400, n_samples=4800000, nb_max_frames=30000, padding_side="right", padding_value=0.0,
        return_attention_mask=True, sampling_rate=16000)
    image = json.loads((path / "preprocessor_config.json").read_text())
    write_json(path / "preprocessor_config.json", image | sounds)
    (path / "chat_template.jinja").write_text(
        template(
            "<|vision_bos|><|IMAGE|><|vision_eos|>", "<|vision_bos|><|VIDEO|><|vision_eos|>",
            "<|audio_bos|><|AUDIO|><|audio_eos|>"))


LEARNED = learn()

if __name__ == "__main__":
    qwen2()
    vl(
        "qwen2-vl", "qwen2_vl",
        vision_config("qwen2_vl_vision", embed_dim=32, hidden_size=64, hidden_act="quick_gelu", mlp_ratio=2))
    vl("qwen2.5-vl", "qwen2_5_vl", vision_config("qwen2_5_vl_vision", tokens_per_second=2, **NEW_VISION))
    omni()
