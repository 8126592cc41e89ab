"""Real material out of Debian's packages."""

import os
import subprocess


def unpacked(package, cache):
    """The folder of a package."""
    folder = os.path.join(cache, package)
    if not os.path.isdir(folder):
        subprocess.run(["apt-get", "download", "-qq", package], cwd=cache, check=True)
        archive = next(name for name in sorted(os.listdir(cache)) if name.startswith(package + "_"))
        subprocess.run(["dpkg-deb", "-x", archive, folder + ".part"], cwd=cache, check=True)
        os.rename(folder + ".part", folder)
        os.remove(os.path.join(cache, archive))
    return folder
