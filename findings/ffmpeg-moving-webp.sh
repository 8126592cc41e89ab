# PyAV 18.1.0 (FFmpeg 8.1.2): a moving WebP is damaged for FFmpeg, and a picture of five for Pillow.
#
# Its decoder skips the chunk ANMF, in which the pictures are, and finds none.
#
# Seen:
#   Pillow: 5 pictures of 30 x 20
#   FFmpeg: InvalidDataError: Invalid data found when processing input
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/py" av==18.1.0 pillow==13.0.0
PYTHONPATH=$folder/py python3 - "$folder" <<'PYTHON'
import sys

import av
from PIL import Image

path = f"{sys.argv[1]}/moving.webp"
pictures = [Image.new("RGB", (30, 20), (40 * number, 0, 0)) for number in range(5)]
pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
with Image.open(path) as image:
    by_pillow = f"{image.n_frames} pictures of {image.size[0]} x {image.size[1]}"
try:
    with av.open(path) as container:
        by_ffmpeg = f"{sum(1 for _ in container.decode(video=0))} pictures"
except av.FFmpegError as error:
    by_ffmpeg = f"{type(error).__name__}: {error.strerror}"
print(f"Pillow: {by_pillow}\nFFmpeg: {by_ffmpeg}")
sys.exit((by_pillow, by_ffmpeg) != ("5 pictures of 30 x 20", "InvalidDataError: Invalid data found when processing input"))
PYTHON
