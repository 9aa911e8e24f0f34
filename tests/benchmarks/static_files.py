"""What static files cost: `python -m tests.benchmarks.static_files [--files 1000,10000] [--release 5000] [--slow 5000]`.

Stock WhiteNoise, ServeStatic and the drop-ins, in one run, each in processes of its own, on the local disk and on a slow one
(tests/benchmarks/slow_disk.py), with Brotli, as WhiteNoise's documentation advises. What is needed of PyPI for it is put into
.cache/static. Operations on the static root are counted inside the process: Python's audit events, and os.stat.
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
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random

import django

from tests.benchmarks.machine import machine
from tests.benchmarks.slow_disk import Missing, slow_disk

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".cache" / "static"
PINS = ("brotli==1.2.0", "servestatic==4.4.0", "fusepy==3.0.1")
SNIPPETS = ROOT / "settings_snippets" / "django"
SERVERS = {
    "WhiteNoise": "whitenoise.middleware.WhiteNoiseMiddleware",
    "ServeStatic": "servestatic.middleware.ServeStaticMiddleware",
    "ours": "config.static_middleware.StaticFilesMiddleware",
}
STORAGES = {
    "WhiteNoise": "whitenoise.storage.CompressedManifestStaticFilesStorage",
    "ours": "config.incremental_storage.IncrementalStaticFilesStorage",
}
# Of a process: until its first page, then its first static file; its memory; a file again, a miss again, other misses.
UNITS = {
    "start": ("ms", 1e3),
    "file": ("ms", 1e3),
    "memory": ("KB", 1),
    "hit": ("us", 1e6),
    "miss": ("us", 1e6),
    "flood": ("us", 1e6),
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
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("a page"))]
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
assert ask("/") == 200
result = {"start": time.perf_counter() - begin}
begin = time.perf_counter()
assert ask(url) == 200
result |= {"file": time.perf_counter() - begin, "memory": memory() - before}
import logging; logging.disable()
# On the local disk nothing waits but for the processor, which others may have: only what it works counts.
clock = time.perf_counter if "slow" in root.name else time.process_time
def each(paths):
    begin = clock()
    for path in paths:
        ask(path)
    return (clock() - begin) / len(paths)
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
    for name, text in {"__init__": "", "settings": SETTINGS, "urls": URLS}.items():
        (base / f"config/{name}.py").write_text(text)
    for drop_in in ("local_manifest_storage", "incremental_storage", "static_middleware"):
        shutil.copy(SNIPPETS / f"{drop_in}.py", base / "config")


def install() -> None:
    """Fetch what is needed of PyPI besides the tests' own, where it is missing or another version."""
    stamp = PACKAGES / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(PINS):
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--upgrade", "--target", str(PACKAGES), *PINS], check=True)
        stamp.write_text(" ".join(PINS))


def environment() -> dict[str, str]:
    """Return the environment of all that is measured."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(PACKAGES)}


def run(base: Path, code: str, **variables: str) -> dict[str, float]:
    """Run code in the project and return what it measured."""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=base, env={**environment(), **variables}, capture_output=True, text=True
    )
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


def sources(folder: Path, count: int) -> None:
    """Write what a site collects, 100 to a folder, 1 to 40 KB: of ten files four CSS that name a picture, three JS, three PNG."""
    random = Random(count)
    words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 12))) for _ in range(2000)]
    for number in range(count):
        kind = ("css", "js", "png", "css", "js", "png", "css", "js", "png", "css")[number % 10]
        path = folder / f"f{number // 100}" / f"{number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = int(1000 * 40 ** random.random())
        if kind == "png":
            path.write_bytes(random.randbytes(size))
        else:
            path.write_text(_text(random, words, kind, size, number))


def _text(random: Random, words: list[str], kind: str, size: int, number: int) -> str:
    picture = f"{number - number % 10 + 2}.png"
    lines = [f'.{words[number % 2000]} {{ background: url("{picture}") }}' if kind == "css" else "// a script"]
    for _ in range(size // 35):
        name, other, value = random.choices(words, k=3)
        lines.append(f".{name} > {other} {{ {value}: {random.random()} }}" if kind == "css" else f"{name}.{other}({value!r});")
    return "\n".join(lines)


def serving(base: Path, count: int, slow: bool) -> dict[str, dict[str, float]]:
    """Measure and print what a process needs that serves so many files."""
    behind, root = base / f"root{count}", base / f"slow{count}" if slow else base / f"root{count}"
    fill(behind, count, compressed=True)
    rounds = 1 if slow or count > 20_000 else 3
    with slow_disk(behind, root, {**environment(), "PYTHONPATH": f"{PACKAGES}:{ROOT}"}) if slow else nullcontext():
        # In turns, as what else the machine does changes.
        runs = [
            {name: run(base, SERVE, BENCH=middleware, BENCH_ROOT=str(root)) for name, middleware in SERVERS.items()}
            for _ in range(rounds)
        ]
    rows = {name: {key: statistics.median(one[name][key] for one in runs) for key in UNITS} for name in SERVERS}
    shutil.rmtree(behind)
    title = f"{count} files, each with .gz{', slow disk' if slow else ''}"
    print(f"\n{title:36}" + "".join(f"{name:>14}" for name in rows) + f"{'ours : stock':>16}")
    for key, (unit, scale) in UNITS.items():
        cells = "".join(f"{row[key] * scale:14.1f}" for row in rows.values())
        print(f"{key:10}{unit:26}{cells}{rows['ours'][key] / (rows['WhiteNoise'][key] or 1):16.4f}", flush=True)
    return rows


def collecting(base: Path, count: int, slow: bool) -> dict[str, list[dict[str, float]]]:
    """Measure and print what a first collectstatic costs, and one after 10 files have changed; only that one on a slow disk."""
    shutil.rmtree(base / "assets")
    sources(base / "assets", count)
    later = time.time() + 5
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in STORAGES}
    for again in (False, True):
        for name, storage in STORAGES.items():
            behind = shown = base / f"shared-{name}"
            behind.mkdir(exist_ok=True)
            if slow and again:
                shown = base / f"slow-{name}"
            disk = slow_disk(behind, shown, {**environment(), "PYTHONPATH": f"{PACKAGES}:{ROOT}"})
            with disk if shown != behind else nullcontext():
                rows[name].append(run(base, COLLECT, BENCH_STORAGE=storage, BENCH_ROOT=str(shown / "root")))
        for number in range(0, 100, 10) if not again else ():
            path = base / "assets/f0" / f"{number}.css"
            path.write_text("p { color: red }\n" * (40 + number))
            os.utime(path, (later, later))
    title = f"collectstatic, {count} files{', slow disk' if slow else ''}"
    print(f"\n{title:36}{'first':>12}{'operations':>12}{'10 changed':>14}{'operations':>12}")
    for name, row in rows.items():
        print(f"{name:34}" + "".join(f"{one['seconds']:12.2f} s{one['operations']:11.0f}" for one in row), flush=True)
        shutil.rmtree(base / f"shared-{name}")
    return rows


class Goals:
    """What is to be reached, and what was."""

    def __init__(self) -> None:
        self.missed = 0
        self._lines: list[str] = []

    def check(self, what: str, reached: float, goal: float, better: Callable[[float, float], bool]) -> None:
        """Note one."""
        well = better(reached, goal)
        self.missed += not well
        self._lines.append(f"{'reached' if well else 'MISSED '}  {what}: {reached:.4g}, goal {goal:g}")

    def show(self) -> None:
        """Print them."""
        print("\n" + "\n".join(self._lines))

    def served(self, rows: Mapping[str, Mapping[str, float]], count: int, slow: bool) -> None:
        """Hold a table of `serving` against the goals."""
        ours, stock = rows["ours"], rows["WhiteNoise"]
        where = f"{count} files{' on the slow disk' if slow else ''}"
        if count == 10_000:
            self.check(
                f"{where}: times faster until the first page", stock["start"] / ours["start"], 5000 if slow else 300, _least
            )
        if count == 10_000 and not slow:
            for key, most in (("hit", 1.0), ("miss", 0.5), ("flood", 1.5)):
                self.check(f"{where}: {key}, in times of stock", ours[key] / stock[key], most, _most)
        if count == 100_000:
            self.check(f"{where}: memory, in times of stock", ours["memory"] / stock["memory"], 0.1, _most)

    def collected(self, rows: Mapping[str, Sequence[Mapping[str, float]]], count: int, slow: bool) -> None:
        """Hold a table of `collecting` against the goals."""
        (first, again), (stock_first, stock_again) = rows["ours"], rows["WhiteNoise"]
        where = f"{count} files{' on the slow disk' if slow else ''}"
        faster = stock_again["seconds"] / again["seconds"]
        self.check(f"{where}: times faster with 10 changed", faster, 100 if slow else 12, _least)
        self.check(f"{where}: times fewer operations", stock_again["operations"] / again["operations"], 70, _least)
        if not slow:
            self.check(f"{where}: first collectstatic, in times of stock", first["seconds"] / stock_first["seconds"], 1.0, _most)


def _least(reached: float, goal: float) -> bool:
    return reached >= goal


def _most(reached: float, goal: float) -> bool:
    return reached <= goal


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables and the goals; return 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.static_files", description=__doc__)
    parser.add_argument("--files", default="1000,10000,100000", help="numbers of files to serve")
    parser.add_argument("--release", default="5000,20000", help="numbers of files to collect")
    parser.add_argument(
        "--slow", default="5000", help="numbers of files to collect on the slow disk, and 10,000 to serve; '': none"
    )
    given = parser.parse_args(arguments)
    install()
    print(machine(f"Django {django.get_version()}"))
    goals, slow = Goals(), _numbers(given.slow)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "app"
        site(base)
        for count in _numbers(given.files):
            goals.served(serving(base, count, slow=False), count, slow=False)
        for count in _numbers(given.release):
            goals.collected(collecting(base, count, slow=False), count, slow=False)
        try:
            if slow:
                goals.served(serving(base, 10_000, slow=True), 10_000, slow=True)
            for count in slow:
                goals.collected(collecting(base, count, slow=True), count, slow=True)
        except Missing as missing:
            print(f"\nnot measured, and so no goal: the slow disk. {missing}")
    goals.show()
    return int(goals.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
