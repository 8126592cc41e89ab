"""Makes the archives beside this script: `python3 make-archives.py`; needs zstd, GNU tar and Info-ZIP's zip."""

import bz2, gzip, io, lzma, os, stat, subprocess, tarfile, tempfile, zipfile

here = os.path.dirname(os.path.abspath(__file__))
time = (2020, 1, 1, 0, 0, 0)
members = {
    "a/grün.txt": "Grün.\n".encode(),
    "a/lines.txt": b"".join(b"line %d\n" % number for number in range(2000)),
    "a/nothing": b"",
    "b.bin": bytes((7 * index * index >> 3) & 255 for index in range(5000)),
}


def write(name, data):
    with open(os.path.join(here, name), "wb") as file:
        file.write(data)


def tar(entries, format=tarfile.PAX_FORMAT):
    """A tar of (name, bytes or TarInfo changes)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                for key, value in content.items():
                    setattr(info, key, value)
                archive.addfile(info)
    return buffer.getvalue()


folders = [("./", {"type": tarfile.DIRTYPE}), ("./a/", {"type": tarfile.DIRTYPE})]
plain = tar(folders + [("./" + name, content) for name, content in members.items()])
write("tree.tar.gz", gzip.compress(plain, mtime=0))
write("tree.tar.xz", lzma.compress(plain))
write("tree.tar.bz2", bz2.compress(plain))
write("tree.tar.zst", subprocess.run(["zstd", "-q", "-19", "-c"], input=plain, capture_output=True, check=True).stdout)
write("gnu.tar.gz", gzip.compress(tar(list(members.items()), tarfile.GNU_FORMAT), mtime=0))

refused = {
    "symlink": ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
    "hardlink": ("link", {"type": tarfile.LNKTYPE, "linkname": "first"}),
    "fifo": ("pipe", {"type": tarfile.FIFOTYPE}),
    "device": ("disk", {"type": tarfile.BLKTYPE, "devmajor": 8}),
    "absolute": ("/etc/passwd", b"x"),
    "above": ("a/../../b", b"x"),
    "backslash": ("..\\b", b"x"),
    "drive": ("C:/b", b"x"),
    "twice": ("first", b"another"),
    "dotted": ("./first", b"another"),
}
for name, entry in refused.items():
    write(f"refused-{name}.tar.gz", gzip.compress(tar([("first", b"x"), entry]), mtime=0))
latin = tar([("first", b"x"), ("gr\udcfcn", b"x")], tarfile.GNU_FORMAT)
write("refused-latin1.tar.gz", gzip.compress(latin, mtime=0))
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "holes"), "wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    sparse = subprocess.run(
        ["tar", "--sparse", "--mtime=2020-01-01", "--owner=0", "--group=0", "-cf", "-", "holes"],
        cwd=folder, capture_output=True, check=True).stdout
write("refused-sparse.tar.gz", gzip.compress(sparse, mtime=0))


class Unseekable(io.RawIOBase):
    """A stream to which zipfile cannot go back, so that sizes follow the members."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def zip_file(entries, compression=zipfile.ZIP_DEFLATED, target=None, zip64=False):
    buffer = target or io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, time) if isinstance(name, str) else name
            # libarchive 3.6 cannot read an empty member that is packed with LZMA.
            stores = not content and compression == zipfile.ZIP_LZMA
            info.compress_type = zipfile.ZIP_STORED if stores else compression
            with archive.open(info, "w", force_zip64=zip64) as file:
                file.write(content)
    return buffer.data if target else buffer.getvalue()


with_folder = [("a/", b"")] + list(members.items())
write("deflated.zip", zip_file(with_folder))
write("stored.zip", zip_file(with_folder, zipfile.ZIP_STORED))
write("bzip2.zip", zip_file(with_folder, zipfile.ZIP_BZIP2))
write("lzma.zip", zip_file(with_folder, zipfile.ZIP_LZMA))
write("zip64.zip", zip_file(with_folder, zip64=True))
write("descriptors.zip", zip_file(with_folder, target=Unseekable()))
link = zipfile.ZipInfo("link", time)
link.external_attr = (stat.S_IFLNK | 0o777) << 16
write("refused-symlink.zip", zip_file([("first", b"x"), (link, b"/etc/passwd")]))
write("zeros.zip", zip_file([("zeros", bytes(4 << 20))]))
with tempfile.TemporaryDirectory() as folder:
    write_to = os.path.join(folder, "first")
    with open(write_to, "w") as file:
        file.write("first")
    subprocess.run(["zip", "-q", "-X", "-P", "secret", "out.zip", "first"], cwd=folder, check=True)
    with open(os.path.join(folder, "out.zip"), "rb") as file:
        write("refused-encrypted.zip", file.read())
