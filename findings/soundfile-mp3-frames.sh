# soundfile 0.14.0 (libsndfile, as its wheel has it): of an MP3 without a Xing tag info().frames is an estimate, and another number than read() gives.
#
# Whoever stores the duration from info() stores a wrong one for such files, and no warning tells.
#
# Seen:
#   with a Xing tag: info 23456, read 23456
#   without: info 25709, read 25344
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/py" av==18.1.0 numpy==2.4.6 soundfile==0.14.0
PYTHONPATH=$folder/py python3 - "$folder" <<'PYTHON'
import sys

import av
import numpy
import soundfile


def write(path, options):
    with av.open(path, "w", format="mp3", options=options) as output:
        stream = output.add_stream("libmp3lame", rate=44_100, layout="mono")
        samples = (numpy.sin(numpy.arange(23_456) * 0.05) / 2).astype("float32")[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44_100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)


found = []
for name, options in (("with a Xing tag", {}), ("without", {"write_xing": "0"})):
    path = f"{sys.argv[1]}/{name}.mp3"
    write(path, options)
    said, read = soundfile.info(path).frames, len(soundfile.read(path)[0])
    print(f"{name}: info {said}, read {read}")
    found.append(said == read)
sys.exit(found != [True, False])
PYTHON
