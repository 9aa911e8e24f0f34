"""The documents as text: headings, links and code, outside of which nothing is checked."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs/reference"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
WRITTEN = [path for path in PAGES if path.parent != GENERATED]
TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "settings_snippets/README.md")]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return what a link may point to in a page: its headings, as GitHub and mkdocs write them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", path.read_text()))


def code(path: Path) -> Iterator[str]:
    """Yield what stands between backticks, and each line of the indented blocks."""
    for line in path.read_text().splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def prose(path: Path) -> str:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("    ")]
    return re.sub(r"`[^`]*`", "", "\n".join(lines))
