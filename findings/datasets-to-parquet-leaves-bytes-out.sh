# datasets 5.2.0: to_parquet writes an Image column made from paths without its bytes; save_to_disk writes them
#
# A dataset whose images were given as paths keeps them as paths until something embeds them. save_to_disk does, and keeps
# the name of the file beside the bytes; to_parquet does not: bytes is null, path is where the file was on the machine that
# wrote it. The Parquet file looks like a set of images, and holds none.
#
# Seen:
#   to_parquet: bytes None, path absolute: True
#   save_to_disk: bytes 69, path a.png
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==13.0.0 pyarrow==26.0.1
cd "$folder"
HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 "$folder/venv/bin/python" - <<'P'
import glob
import os
import sys
import pyarrow
import pyarrow.parquet
from datasets import Dataset, Image
from PIL import Image as Picture
Picture.new("RGB", (4, 4)).save("a.png")
images = Dataset.from_dict({"image": [os.path.abspath("a.png")]}).cast_column("image", Image())
images.to_parquet("a.parquet")
images.save_to_disk("disk")
parquet = pyarrow.parquet.read_table("a.parquet").to_pylist()[0]["image"]
disk = pyarrow.ipc.open_stream(glob.glob("disk/*.arrow")[0]).read_all().to_pylist()[0]["image"]
print(f"to_parquet: bytes {parquet['bytes']}, path absolute: {os.path.isabs(parquet['path'])}")
print(f"save_to_disk: bytes {len(disk['bytes'] or b'')}, path {disk['path']}")
sys.exit(not (parquet["bytes"] is None and os.path.isabs(parquet["path"]) and disk["bytes"] and disk["path"] == "a.png"))
P
