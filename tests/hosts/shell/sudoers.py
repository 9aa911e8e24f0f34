"""What the sudoers snippet allows."""

from pathlib import Path

ROOT = Path(__file__).parents[3]


def allowed(*, commented: bool) -> set[str]:
    """Return what the snippet allows, or would allow if its commented lines were not."""
    lines = (ROOT / "settings_snippets/systemd/sudoers").read_text().splitlines()
    rules = [
        line.partition("NOPASSWD: ")[2].removeprefix("NOEXEC: ")
        for line in lines
        if line.startswith("# deploy ALL" if commented else "deploy ALL")
    ]
    return {command for rule in rules for command in rule.split(", ")}
