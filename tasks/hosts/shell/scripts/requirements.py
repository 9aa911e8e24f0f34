"""Print one hash of requirement files and the files they include."""

from __future__ import annotations

import hashlib
import os
import re
import sys

NAMED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*([^\s#]+)", re.M)


def digest(names: list[str], folder: str = ".") -> str:
    """Return the hash; files named by -r and -c count too, relative to the file that names them; URLs are not followed."""
    sums, seen, left = hashlib.sha256(sys.version.encode()), set(), list(names)
    while left:
        path = os.path.normpath(left.pop(0))
        if path in seen:
            continue
        seen.add(path)
        with open(os.path.join(folder, path), "rb") as file:
            text = file.read()
        sums.update(path.encode() + b"\0" + text + b"\0")
        left += [os.path.join(os.path.dirname(path), name) for name in NAMED.findall(text.decode()) if "://" not in name]
    return sums.hexdigest()


def main(names: list[str]) -> None:
    """Print the hash of these files."""
    print(digest(names))
