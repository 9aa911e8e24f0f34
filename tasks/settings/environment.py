"""The environment variables INVOKE_… and FABRIC_…: those of our settings, and those of Invoke, Fabric or others.

Imported by every command, `--list` too: no heavy imports.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping

# The keys of Invoke and Fabric themselves (their documentation, "Default configuration values"), and whether each is a section.
INVOKES_OWN: Mapping[str, bool] = {
    "run": True,
    "runners": True,
    "sudo": True,
    "tasks": True,
    "timeouts": True,
    "authentication": True,
    "connect_kwargs": True,
    "forward_agent": False,
    "gateway": False,
    "inline_ssh_env": False,
    "load_ssh_configs": False,
    "port": False,
    "ssh_config_path": False,
    "user": False,
}
_PREFIX = re.compile(r"(INVOKE|FABRIC)_(?=.)")
# Invoke reads DEBUG and RUNTIME_CONFIG outside of its configuration.
_SECTIONS = "|".join(key.upper() for key, section in INVOKES_OWN.items() if section)
_VALUES = "|".join(key.upper() for key, section in INVOKES_OWN.items() if not section)
_OWN = re.compile(rf"(?:{_SECTIONS})(?:_.*)?|{_VALUES}|DEBUG|RUNTIME_CONFIG")


def take(environ: MutableMapping[str, str], known: Callable[[], tuple[Iterable[str], Iterable[str]]]) -> dict[str, str]:
    """Remove our variables from the environment, misspelt ones included, and return them.

    Invoke casts a variable by the type of the value that it replaces: it crashes on a list, takes "false" for True and
    keeps a number that replaces null as text. So it must not see ours; our own schema reads them. `known`: returns the
    variables and the sections of the settings; called only where a variable may be ours.
    """
    candidates = [name for name in environ if _PREFIX.match(name) and not _OWN.fullmatch(bare(name))]
    if not candidates:
        return {}
    variables, sections = known()
    ours = [name for name in candidates if _is_meant_for_us(bare(name), variables, sections)]
    return {name: environ.pop(name) for name in ours}


def bare(name: str) -> str:
    """Return the variable's name without INVOKE_ or FABRIC_."""
    return _PREFIX.sub("", name, count=1)


def variable_of(path: str) -> str:
    """Return the variable of a dotted path, without INVOKE_ or FABRIC_."""
    return path.replace(".", "_").upper()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known variable that a misspelt name most probably means; names lack INVOKE_ and FABRIC_."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.8)
    return next(iter(near), None) or next((other for other in names if other.endswith(f"_{name}")), None)


def _is_meant_for_us(name: str, known: Iterable[str], sections: Iterable[str]) -> bool:
    words = name.split("_")
    for section in (each.upper() for each in sections):
        begin = "_".join(words[: section.count("_") + 1])
        if difflib.SequenceMatcher(None, begin, section).ratio() >= 0.8:
            return True
    return nearest(name, known) is not None
