# transformers 5.24.0: Qwen2.5-Omni places a video without sound as text if another one's sound is used (use_audio_in_video=True)
#
# The processor lays a video that has no audio track as it is without load_audio_from_video (audio_from_video_indices, or the track it
# looks for), and says so in its code. The model counts the marks of sounds instead of the videos: what it has not counted gets positions
# of text, one behind the other, instead of time, row and column. In the other order it takes the silent video for the one that
# sounds, and raises of something else.
#
# Seen (two videos of 2 × 2 × 2 tokens, a second each step, 25 positions a second; of the silent one, from its own first):
#   alone, use_audio_in_video=False: 0,0,0 0,0,1 0,1,0 0,1,1 25,0,0 25,0,1 25,1,0 25,1,1
#   alone, use_audio_in_video=True: 0,0,0 1,1,1 2,2,2 3,3,3 4,4,4 5,5,5 6,6,6 7,7,7
#   behind one with sound, use_audio_in_video=True: 0,0,0 1,1,1 2,2,2 3,3,3 4,4,4 5,5,5 6,6,6 7,7,7
#   before one with sound, use_audio_in_video=True: RuntimeError
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" \
  torch==2.13.0 transformers==5.24.0
HF_HUB_OFFLINE=1 PYTHONPATH=$folder/py python3 - 2>"$folder/log" <<'P' || { cat "$folder/log" >&2; exit 1; }
import re
import sys
from types import SimpleNamespace
import torch
from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration
from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import Qwen2_5OmniProcessor
marks = ["vision_bos", "vision_eos", "audio_bos", "audio_eos", "IMAGE", "VIDEO", "AUDIO"]
ids = {f"<|{mark}|>": i for i, mark in enumerate(marks, 1)}
sizes = {"hidden_size": 16, "intermediate_size": 16, "vocab_size": 10, "num_hidden_layers": 1, "num_attention_heads": 2,
         "num_key_value_heads": 2}
with torch.device("meta"):
    model = Qwen2_5OmniThinkerForConditionalGeneration(Qwen2_5OmniThinkerConfig(
        text_config=sizes, vision_config={"depth": 1, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 16},
        audio_config={"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "output_dim": 16},
        vision_start_token_id=1, vision_end_token_id=2, audio_start_token_id=3, audio_end_token_id=4, image_token_id=5,
        video_token_id=6, audio_token_id=7))
# Of the processor what writes the tokens of a video: its readers of pictures and sounds need more packages.
processor = Qwen2_5OmniProcessor.__new__(Qwen2_5OmniProcessor)
processor.video_processor = SimpleNamespace(merge_size=2)
processor.video_token, processor.audio_token = "<|VIDEO|>", "<|AUDIO|>"
processor.audio_bos_token, processor.audio_eos_token = "<|audio_bos|>", "<|audio_eos|>"
grid, frames_of_sound, tokens_of_sound = [2, 4, 4], 200, 50  # Two seconds.


def positions(sounds, used):
    """Of the tokens of the silent one among videos, which have the sounds of these numbers or None."""
    inputs = {"video_grid_thw": torch.tensor([grid] * len(sounds)), "video_second_per_grid": [1.0] * len(sounds)}
    videos = [processor.replace_video_token(
        inputs, i, {"num_audio_tokens": [tokens_of_sound]}, sounds, load_audio_from_video=True, position_id_per_seconds=25,
        seconds_per_chunk=2.0) for i in range(len(sounds))]
    tokens = [[ids[mark] for mark in re.findall(r"<\|\w+\|>", f"<|vision_bos|>{video}<|vision_eos|>")] for video in videos]
    whole = torch.tensor([sum(tokens, [])])
    try:
        placed = model.get_rope_index(
            whole, None, inputs["video_grid_thw"], torch.ones_like(whole), used, torch.tensor([frames_of_sound]),
            torch.tensor(inputs["video_second_per_grid"]))[0][:, 0].T
    except RuntimeError as error:
        return type(error).__name__
    silent = sounds.index(None)
    start = sum(len(video) for video in tokens[:silent]) + 1
    own = placed[start : start + 8]
    return " ".join(",".join(str(place) for place in token) for token in (own - own[0]).tolist())


cube = "0,0,0 0,0,1 0,1,0 0,1,1 25,0,0 25,0,1 25,1,0 25,1,1"
line = " ".join(f"{i},{i},{i}" for i in range(8))
good = True
for label, sounds, used, wanted in [
    ("alone", [None], False, cube), ("alone", [None], True, line), ("behind one with sound", [0, None], True, line),
    ("before one with sound", [None, 0], True, "RuntimeError")]:
    seen = positions(sounds, used)
    print(f"{label}, use_audio_in_video={used}: {seen}")
    good = good and seen == wanted
sys.exit(not good)
P
