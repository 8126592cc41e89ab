# PyAV 18.1.0 (FFmpeg 8.1.2): of AAC in MP4 it decodes samples behind the end of the edit list; the stream's duration has the right end.
#
# The edit list says which part of a track is presented (ISO/IEC 14496-12, 8.6.6). FFmpeg skips what it leaves out at the start (the
# encoder's delay) and not what it leaves out at the end (its padding), so a second of audio gets longer with each trip.
#
# Seen:
#   written 44100 samples, announced 1.000 s, decoded 45056 samples (1.022 s)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/py" av==18.1.0 numpy==2.4.6
PYTHONPATH=$folder/py python3 - "$folder" <<'PYTHON'
import sys

import av
import numpy

path = f"{sys.argv[1]}/second.m4a"
with av.open(path, "w", format="ipod") as output:
    stream = output.add_stream("aac", rate=44_100, layout="mono")
    samples = numpy.sin(numpy.arange(44_100) * 0.05).astype("float32")[None] / 2
    for start in range(0, 44_100, 1024):
        frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        frame.pts = start
        for packet in stream.encode(frame):
            output.mux(packet)
    for packet in stream.encode(None):
        output.mux(packet)
with av.open(path) as container:
    stream = container.streams.audio[0]
    announced = float(stream.duration * stream.time_base)
    decoded = sum(frame.samples for frame in container.decode(stream))
print(f"written 44100 samples, announced {announced:.3f} s, decoded {decoded} samples ({decoded / 44_100:.3f} s)")
sys.exit((round(announced, 3), decoded) != (1.0, 45_056))
PYTHON
