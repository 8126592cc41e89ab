# PyAV 18.1.0 (FFmpeg 8.1.2): a short Ogg Vorbis file decodes to more samples than its last page says; libsndfile gives the right number.
#
# The granule position of the last page is where Vorbis ends, and the decoder has to drop the rest of its last block (Vorbis I,
# A.2). FFmpeg does so only where the audio takes more than one page.
#
# Seen (samples by FFmpeg, by libsndfile):
#   wanted 3001: 3072 3001
#   wanted 100001: 100001 100001
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/py" av==18.1.0 numpy==2.4.6 soundfile==0.14.0
PYTHONPATH=$folder/py python3 - "$folder" <<'PYTHON'
import sys

import av
import numpy
import soundfile

found = []
for count in (3001, 100_001):
    path = f"{sys.argv[1]}/{count}.ogg"
    soundfile.write(path, numpy.sin(numpy.arange(count) * 0.3) / 2, 8000)
    with av.open(path) as container:
        by_ffmpeg = sum(frame.samples for frame in container.decode(audio=0))
    by_libsndfile = len(soundfile.read(path)[0])
    print(f"wanted {count}: {by_ffmpeg} {by_libsndfile}")
    found.append((by_ffmpeg, by_libsndfile))
sys.exit(found != [(3072, 3001), (100_001, 100_001)])
PYTHON
