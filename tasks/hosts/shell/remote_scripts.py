"""Small programs that the site's own Python runs on a host; each prints one marked line of JSON, or a plain value.

They run on every Python and Django that the drop-ins support, and change nothing but the one file that they are given.
"""

from collections.abc import Sequence

# The problem is printed, not raised: before the first collectstatic of all there is no manifest, and that is no error yet.
# `keep` is written once, before the first collectstatic of a release: a repeated run must still know what was there before.
_MANIFEST = """
import json, os
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage as storage
from django.core.exceptions import ImproperlyConfigured
keep, write, archive, problem, names, hashed, before = {keep!r}, {write!r}, {archive!r}, "", [], True, []
unarchived = ""
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
if archive and hashed and not problem:
    root = os.path.abspath(settings.STATIC_ROOT)
    folder = os.path.join(os.path.dirname(root), "." + os.path.basename(root) + ".releases")
    path = os.path.join(folder, archive + ".json")
    known = {{new for old, new in storage.hashed_files.items() if new != old}}
    try:
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(path):
            with open(path) as file:
                known.update(json.load(file))
        with open(path + ".new", "w") as file:
            json.dump(sorted(known), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
    except OSError as error:
        unarchived = str(error)
told = dict(url=settings.STATIC_URL, files=names, hashed=hashed, problem=problem, before=before, unarchived=unarchived)
print("\\n{mark}" + json.dumps(told), flush=True)
"""

# A manifest is renamed first and removed last: killed anywhere in between, the next run still knows which names were its own,
# and a manifest that is counted as live has all of its files. `token` stands for the archives that were judged.
_PRUNE = """
import hashlib, json, os, time
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage as storage
retire, token, dry = {retire!r}, {token!r}, {dry!r}
root = os.path.abspath(settings.STATIC_ROOT)
folder = os.path.join(os.path.dirname(root), "." + os.path.basename(root) + ".releases")
there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
at = {{}}
names = {{}}
for file in there:
    if file.endswith((".json", ".retired")):
        with open(os.path.join(folder, file)) as stream:
            names[file] = set(json.load(stream))
    if file.endswith(".json"):
        at[file[:-5]] = os.stat(os.path.join(folder, file)).st_mtime
seen = hashlib.sha256(json.dumps(sorted(at.items())).encode()).hexdigest()
told = dict(at=at, now=time.time(), token=seen, done=token == seen, files=0, size=0)
if told["done"]:
    leave = [file for file in names if file.endswith(".retired") or file[:-5] in retire]
    live, doomed = set(storage.hashed_files.values()), set()
    for file in names:
        (doomed if file in leave else live).update(names[file])
    if not dry:
        for revision in retire:
            # A name of its own: the release may have been retired, and deployed again, before.
            aside = revision + "." + str(time.time_ns()) + ".retired"
            os.replace(os.path.join(folder, revision + ".json"), os.path.join(folder, aside))
            leave.remove(revision + ".json")
            leave.append(aside)
    for name in sorted(doomed - live):
        path = os.path.normpath(os.path.join(root, name))
        if not path.startswith(root + os.sep):
            continue
        for path in (path, path + ".gz", path + ".br"):
            if os.path.isfile(path):
                told["files"] += 1
                told["size"] += os.stat(path).st_size
                if not dry:
                    os.unlink(path)
    if not dry:
        for file in leave:
            os.unlink(os.path.join(folder, file))
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


# A revision is laid out beside the checkout, with all that git does not know there (secrets, REVISION, an SQLite file): what it
# finds around itself is what it would find in its place. Packages that it wants and the site has not are put beside it.
_JUDGE = """
import os, shutil, subprocess, sys
sha, git, manage, arguments, requirements, hasher, installed = {values!r}
here = os.path.realpath(os.getcwd())
beside = os.access(os.path.dirname(here), os.W_OK)
tree = here + ".judged" if beside else os.path.join(git, "ramped", "judged")
packages, environment = tree + ".packages", dict(os.environ)
def run(*command, **options):
    return subprocess.run(command, check=True, **options)
def clear():
    for folder in (tree, packages):
        shutil.rmtree(folder, ignore_errors=True)
clear()
try:
    os.makedirs(tree)
    run("sh", "-c", 'git archive --format=tar "$1" | tar -x -C "$2"', "sh", sha, tree)
    others = run("git", "ls-files", "-z", "--others", "--directory", stdout=subprocess.PIPE).stdout.split(b"\\0")
    staged = run("git", "ls-files", "-z", "--stage", stdout=subprocess.PIPE).stdout.split(b"\\0")
    others += [line.partition(b"\\t")[2] for line in staged if line.startswith(b"160000 ")]
    for name in [os.fsdecode(one).rstrip("/") for one in others if one]:
        target = os.path.join(tree, name)
        if os.path.isdir(target) and not os.listdir(target):
            os.rmdir(target)
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.path.join(here, name), target)
    if requirements:
        found = run(sys.executable, "-c", hasher, *requirements, cwd=tree, stdout=subprocess.PIPE).stdout.split()[-1].decode()
        if found != installed:
            wanted = [word for name in requirements for word in ("-r", name)]
            pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            look = subprocess.run([*pip, "--dry-run", "--no-index", *wanted], cwd=tree, capture_output=True)
            if look.returncode or b"Would install" in look.stdout:
                run(*pip, "--quiet", "--target", packages, *wanted, cwd=tree, stdout=sys.stderr)
                environment["PYTHONPATH"] = packages
    code = subprocess.run([sys.executable, manage, *arguments], cwd=tree, env=environment).returncode
except subprocess.CalledProcessError as error:
    code = error.returncode or 1
finally:
    clear()
sys.exit(code)
"""


def judge_script(sha: str, git: str, manage: str, arguments: Sequence[str], requirements: Sequence[str], installed: str) -> str:
    """Return the program that runs a management command of a revision that is not checked out; its exit code is the command's.

    `git`: the repository's own folder; `manage`, `requirements`: relative to the checkout; `installed`: the hash of the
    requirements that the site has.
    """
    values = (sha, git, manage, list(arguments), list(requirements), requirements_script(), installed)
    return _JUDGE.format(values=values).strip()


def manifest_script(mark: str, keep: str, *, write: bool, archive: str = "") -> str:
    """Return the program for `manage.py shell -c` that prints what the site knows of its static files.

    `mark`: what its line begins with; `keep`: absolute path of the names that were there before this release; `write`:
    whether to make that file, if there is none, of the names that are there now; `archive`: the revision under which the names
    are archived beside STATIC_ROOT, for `prune_script`; empty: they are not.
    """
    return _MANIFEST.format(mark=mark, keep=keep, write=write, archive=archive).strip()


def prune_script(mark: str, retire: Sequence[str], token: str, *, dry: bool) -> str:
    """Return the program for `manage.py shell -c` that prints the archived releases, and retires some of them.

    `retire`: revisions; what only they name is deleted, with what an earlier run left; `token`: that of the archives which were
    judged, and nothing is deleted when it is no longer theirs; `dry`: only count.
    """
    return _PRUNE.format(mark=mark, retire=list(retire), token=token, dry=dry).strip()


def requirements_script() -> str:
    """Return the program that prints one hash of the requirement files in its arguments and of all that they name."""
    return _REQUIREMENTS.strip()
