"""Small programs that the site's own Python runs on a host; each prints one marked line of JSON, or a plain value.

They run on every Python and Django that the drop-ins support, and change nothing but the one file that they are given.
"""

# The problem is printed, not raised: before the first collectstatic of all there is no manifest, and that is no error yet.
# `keep` is written once, before the first collectstatic of a release: a repeated run must still know what was there before.
_MANIFEST = """
import json, os
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage as storage
from django.core.exceptions import ImproperlyConfigured
keep, write, problem, names, hashed, before = {keep!r}, {write!r}, "", [], True, []
try:
    hashed = hasattr(storage, "hashed_files")
    names = sorted(set(storage.hashed_files.values())) if hashed else []
except (ImproperlyConfigured, ValueError, TypeError, LookupError, OSError) as error:
    problem = str(error) or type(error).__name__
if write and not os.path.exists(keep):
    os.makedirs(os.path.dirname(keep), exist_ok=True)
    with open(keep + ".new", "w") as file:
        json.dump(names, file)
    os.replace(keep + ".new", keep)
if os.path.exists(keep):
    with open(keep) as file:
        before = json.load(file)
told = dict(url=settings.STATIC_URL, files=names, hashed=hashed, problem=problem, before=before)
print("\\n{mark}" + json.dumps(told), flush=True)
"""

# Files named by -r and -c count too, relative to the file that names them; addresses are left to pip.
_REQUIREMENTS = """
import hashlib, os, re, sys
digest, seen, todo = hashlib.sha256(sys.version.encode()), set(), sys.argv[1:]
while todo:
    path = os.path.normpath(todo.pop(0))
    if path in seen:
        continue
    seen.add(path)
    with open(path, "rb") as file:
        text = file.read()
    digest.update(path.encode() + b"\\0" + text + b"\\0")
    for name in re.findall(r"^\\s*(?:-r|-c|--requirement|--constraint)[ =]?\\s*([^\\s#]+)", text.decode(), re.M):
        if "://" not in name:
            todo.append(os.path.join(os.path.dirname(path), name))
print(digest.hexdigest())
"""


def manifest_script(mark: str, keep: str, *, write: bool) -> str:
    """Return the program for `manage.py shell -c` that prints what the site knows of its static files.

    `mark`: what its line begins with; `keep`: absolute path of the names that were there before this release; `write`:
    whether to make that file, if there is none, of the names that are there now.
    """
    return _MANIFEST.format(mark=mark, keep=keep, write=write).strip()


def requirements_script() -> str:
    """Return the program that prints one hash of the requirement files in its arguments and of all that they name."""
    return _REQUIREMENTS.strip()
