# PyAV 18.1.0 (FFmpeg 8.1.2): AIFF and Wave64 that FFmpeg writes to a pipe are refused by its own reader, RF64 is read as empty.
#
# A writer that cannot go back leaves the sizes open: 0 in AIFF, 2^63 - 1 in Wave64, 0 in the ds64 chunk of RF64. WAV, AU and CAF
# have numbers for "not known" that the readers know. soundfile (libsndfile) reads what is marked so.
#
# Seen:
#   wav    3001 of 3001 samples
#   rf64   0 of 3001 samples
#   w64    refused: InvalidDataError
#   aiff   refused: InvalidDataError
#   au     3001 of 3001 samples
#   caf    3001 of 3001 samples
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/py" av==18.1.0 numpy==2.4.6
PYTHONPATH=$folder/py python3 - "$folder" <<'PYTHON'
import sys

import av
import numpy


class Pipe:
    """A file that only grows."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        return self.file.write(data)


def write(path, kind):
    options = {"rf64": "always"} if kind == "rf64" else {}
    codec = "pcm_s16be" if kind in ("aiff", "au", "caf") else "pcm_s16le"
    pipe = Pipe(path)
    with av.open(pipe, "w", format="wav" if kind == "rf64" else kind, options=options) as output:
        stream = output.add_stream(codec, rate=8000, layout="mono")
        samples = (numpy.arange(3001) * 37 % 2000).astype("int16")[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    pipe.file.close()


def read(path):
    try:
        with av.open(path) as container:
            count = sum(frame.samples for frame in container.decode(audio=0))
            return f"{count} of 3001 samples"
    except av.FFmpegError as error:
        return f"refused: {type(error).__name__}"


wanted = {
    "wav": "3001 of 3001 samples", "rf64": "0 of 3001 samples", "w64": "refused: InvalidDataError",
    "aiff": "refused: InvalidDataError", "au": "3001 of 3001 samples", "caf": "3001 of 3001 samples",
}
found = {}
for kind in wanted:
    path = f"{sys.argv[1]}/piped.{kind}"
    write(path, kind)
    found[kind] = read(path)
    print(f"{kind:6} {found[kind]}")
sys.exit(found != wanted)
PYTHON
