"""What `git status` says about a checkout."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Worktree:
    """Files that differ from what is committed."""

    changed: tuple[str, ...]
    untracked: tuple[str, ...]


def read_status(printed: str) -> Worktree:
    """Read `git status --porcelain=v2 -z`.

    A submodule that is merely at another commit is no change: an interrupted checkout leaves it so. Source:
    git-status(1), "Porcelain Format Version 2".
    """
    changed, untracked = [], []
    entries = iter(printed.split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "?":
            untracked.append(rest)
        elif kind in ("1", "2", "u"):
            fields = rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])
            if kind == "2":
                next(entries, None)  # the name before the rename
            # A line that is cut off counts as a change.
            state = fields[1] if len(fields) > 1 else ""
            if not (state.startswith("SC") and state.endswith("..")):
                changed.append(fields[-1])
    return Worktree(tuple(changed), tuple(untracked))


def without(tree: Worktree, built: str) -> Worktree:
    """Return a tree without the files that the site's own commands have built; `built`: their names, separated by NUL."""
    ours = set(built.split("\0"))
    return Worktree(*(tuple(name for name in names if name not in ours) for names in (tree.changed, tree.untracked)))
