"""What static files cost: `python -m tests.benchmarks.static_files [--files 1000,10000] [--release 2000]`.

Stock WhiteNoise, ServeStatic (if it is installed) and the drop-ins, in one run, each in processes of its own, on the local disk.
Operations on the static root are counted inside the process (Python's audit events and os.stat), so that the cost on a disk with
a millisecond for each can be worked out; nothing here is delayed.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNIPPETS = Path(__file__).parents[2] / "settings_snippets" / "django"
SERVERS = {
    "WhiteNoise": "whitenoise.middleware.WhiteNoiseMiddleware",
    "ServeStatic": "servestatic.middleware.ServeStaticMiddleware",
    "ours": "config.static_middleware.StaticFilesMiddleware",
}
STORAGES = {
    "WhiteNoise": "whitenoise.storage.CompressedManifestStaticFilesStorage",
    "ours": "config.incremental_storage.IncrementalStaticFilesStorage",
}
SETTINGS = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "x", ["*"], "config.urls", True
INSTALLED_APPS = ["django.contrib.staticfiles"]
MIDDLEWARE = [os.environ["BENCH"]] if "BENCH" in os.environ else []
STATIC_URL, STATIC_ROOT = "/static/", os.environ["BENCH_ROOT"]
STATICFILES_DIRS = [BASE_DIR / "assets"]
STATICFILES_MANIFEST_ROOT = BASE_DIR
STORAGES = {"staticfiles": {"BACKEND": os.environ.get("BENCH_STORAGE", "django.contrib.staticfiles.storage.StaticFilesStorage")}}
"""
SERVE = """
import json, os, resource, sys, time
import django
from pathlib import Path
django.setup()
from django.core.handlers.base import BaseHandler
from django.test import RequestFactory
root = Path(os.environ["BENCH_ROOT"])
url = "/static/f0/" + next(name for name in sorted(os.listdir(root / "f0")) if name.endswith(".css"))
make = RequestFactory().get
def ask(path):
    response = handler.get_response(make(path))
    body = b"".join(response) if response.streaming else response.content
    response.close()
    return response.status_code
memory = lambda: int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
import importlib; importlib.import_module(os.environ["BENCH"].rpartition(".")[0])
before, begin = memory(), time.perf_counter()
handler = BaseHandler(); handler.load_middleware()
assert ask(url) == 200
result = {"start": time.perf_counter() - begin, "memory": memory() - before}
import logging; logging.disable()
def each(paths):
    begin = time.perf_counter()
    for path in paths:
        ask(path)
    return (time.perf_counter() - begin) / len(paths)
each([url] * 300)
result["hit"] = min(each([url] * 300) for _ in range(5))
result["miss"] = min(each(["/static/none.css"] * 300) for _ in range(5))
result["flood"] = min(each([f"/static/none{turn}-{number}.css" for number in range(300)]) for turn in range(5))
print(json.dumps(result))
"""
COLLECT = """
import collections, json, os, sys, time
import django
django.setup()
root, counts = os.environ["BENCH_ROOT"], collections.Counter()
def hook(event, args):
    for value in args[:2]:
        if isinstance(value, (str, os.PathLike)) and os.fspath(value).startswith(root):
            counts[event] += 1
sys.addaudithook(hook)
for name in ("stat", "lstat"):
    def counted(path, *args, _real=getattr(os, name), **options):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(root):
            counts["stat"] += 1
        return _real(path, *args, **options)
    setattr(os, name, counted)
from django.core.management import call_command
begin = time.perf_counter()
call_command("collectstatic", interactive=False, verbosity=0)
print(json.dumps({"seconds": time.perf_counter() - begin, "operations": sum(counts.values())}))
"""


def site(base: Path) -> None:
    """Make a project with the drop-ins."""
    (base / "config").mkdir(parents=True)
    (base / "assets").mkdir()
    for name, text in {"__init__": "", "settings": SETTINGS, "urls": "urlpatterns = []\n"}.items():
        (base / f"config/{name}.py").write_text(text)
    for drop_in in ("local_manifest_storage", "incremental_storage", "static_middleware"):
        shutil.copy(SNIPPETS / f"{drop_in}.py", base / "config")


def run(base: Path, code: str, **environment: str) -> dict[str, float]:
    """Run code in the project and return what it measured."""
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    ran = subprocess.run([sys.executable, "-c", code], cwd=base, env=variables, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    return dict(json.loads(ran.stdout))


def fill(folder: Path, count: int, *, compressed: bool = False) -> None:
    """Write files, 100 to a folder: half CSS, half pictures; with `compressed` under hashed names, with a .gz."""
    for number in range(count):
        text = f"p {{ order: {number} }}\n" * 40
        digest = f".{hashlib.md5(text.encode()).hexdigest()[:12]}" if compressed else ""
        path = folder / f"f{number // 100}" / f"{number}{digest}.{('css', 'png')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if compressed:
            Path(f"{path}.gz").write_text("x" * 99)


def serving(base: Path, count: int) -> None:
    """Print what a process needs that serves so many files."""
    root = base / f"root{count}"
    fill(root, count, compressed=True)
    rows = {}
    for name, middleware in SERVERS.items():
        if name == "ServeStatic" and subprocess.run([sys.executable, "-c", "import servestatic"], capture_output=True).returncode:
            continue
        runs = [run(base, SERVE, BENCH=middleware, BENCH_ROOT=str(root)) for _ in range(3)]
        rows[name] = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    print(f"\n{count} files, each with .gz{'':10}" + "".join(f"{name:>14}" for name in rows) + f"{'ours : stock':>16}")
    for key, unit, scale in (
        ("start", "ms", 1e3),
        ("memory", "KB", 1),
        ("hit", "us", 1e6),
        ("miss", "us", 1e6),
        ("flood", "us", 1e6),
    ):
        cells = "".join(f"{row[key] * scale:14.1f}" for row in rows.values())
        print(f"{key:10}{unit:26}{cells}{rows['ours'][key] / (rows['WhiteNoise'][key] or 1):16.4f}")
    shutil.rmtree(root)


def collecting(base: Path, count: int) -> None:
    """Print what a first collectstatic costs, and one after 10 files have changed."""
    shutil.rmtree(base / "assets")
    fill(base / "assets", count)
    later = time.time() + 5
    print(f"\ncollectstatic, {count} files{'':12}{'first':>12}{'operations':>12}{'10 changed':>14}{'operations':>12}")
    rows = []
    for changed in (0, 1):
        row = []
        for name, storage in STORAGES.items():
            row.append(run(base, COLLECT, BENCH_STORAGE=storage, BENCH_ROOT=str(base / "shared" / name)))
        rows.append(row)
        for number in range(0, 20, 2) if not changed else ():
            path = base / "assets/f0" / f"{number}.css"
            path.write_text("p { color: red }\n" * (40 + number))
            os.utime(path, (later, later))
    for index, name in enumerate(STORAGES):
        cells = "".join(f"{row[index]['seconds']:12.2f} s{row[index]['operations']:11.0f}" for row in rows)
        print(f"{name:34}{cells}")
    ratios = [rows[1][0][key] / rows[1][1][key] for key in ("seconds", "operations")]
    print(f"10 changed: {ratios[0]:.1f} times faster, {ratios[1]:.0f} times fewer operations")


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", default="1000,10000", help="numbers of files to serve")
    parser.add_argument("--release", default="2000", help="numbers of files to collect")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "app"
        site(base)
        for count in map(int, options.files.split(",")):
            serving(base, count)
        for count in map(int, options.release.split(",")):
            collecting(base, count)
            shutil.rmtree(base / "shared")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
