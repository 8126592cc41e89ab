"""Sections of docs/benchmarks.md."""


def emit(text, path):
    """Writes a section to a file, or prints it where `path` is None."""
    if path is None:
        print(text)
        return
    with open(path, "w") as file:
        file.write(text)
