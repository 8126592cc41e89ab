# PyAV 18.1.0 (FFmpeg 8.1.2): mixing channels to one is louder in floating point than in whole numbers, by √2 for stereo
#
# libswresample scales the weights of a mix so that nothing clips, and for floating point it does not: there they may add up to
# any number (rematrix_maxval). Both channels of stereo have the weight √½, so the same sound is 3 dB louder for whoever asks for
# float samples, as models do, than in the mean of the channels, which libsndfile's users and 16-bit output get; a 5.1 sound
# is louder still. The command line does the same: -ac 1 -c:a pcm_f32le against pcm_s16le.
#
# Seen (every channel holds 0.25):
#   stereo: s16 0.250, flt 0.354
#   5.1: s16 0.250, flt 0.854
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/py" av==18.1.0 numpy==2.4.6
PYTHONPATH=$folder/py python3 - <<'PYTHON'
import sys

import av
import numpy

found = []
for layout, channels in [("stereo", 2), ("5.1", 6)]:
    levels = []
    for kind, scale in [("s16", 32768), ("flt", 1)]:
        sound = av.AudioFrame.from_ndarray(numpy.full((channels, 1600), 8192, numpy.int16), "s16p", layout)
        sound.sample_rate = 16000
        mixer = av.AudioResampler(format=kind, layout="mono", rate=16000)
        levels.append(mixer.resample(sound)[0].to_ndarray()[0, 800] / scale)
    print(f"{layout}: s16 {levels[0]:.3f}, flt {levels[1]:.3f}")
    found += levels
sys.exit(not (abs(found[0] - 0.25) < 1e-3 and abs(found[1] / found[0] - 2**0.5) < 1e-3 and found[3] > 2 * found[2]))
PYTHON
