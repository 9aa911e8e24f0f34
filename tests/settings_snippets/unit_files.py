"""The units of the snippets."""

from tests.settings_snippets.project import SNIPPETS


def unit(name: str) -> dict[str, str]:
    lines = (SNIPPETS / "systemd" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
