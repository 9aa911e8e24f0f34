"""Where the parts of a Django project lie: manage.py, the settings that serve, the package for the drop-ins."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath as Path

from ...errors import SettingsError
from .source import VARIABLE, named, settings_modules

FOR_DEVELOPERS = {"dev", "development", "local", "debug", "test", "tests", "testing"}
FOR_VISITORS = ("production", "prod", "live")
# A path that means itself in a unit, a command line and YAML; of its parts none looks like an option.
_PLAIN = re.compile(r"(?!-)[\w.+@ -]+(?:/(?!-)[\w.+@ -]+)*")
DROP_INS = ("deployment", "site_deployment")  # the package that `init` makes: the first one whose name is no module yet


@dataclass(frozen=True)
class Layout:
    """The parts of a project; files are relative to the top of the repository, modules to the folder of manage.py."""

    manage: str
    settings: str  # the module that serves
    of_manage: str  # the module of manage.py without a variable
    of_application: str  # the same of the application
    settings_file: str
    application: str  # the module of WSGI
    asgi: str  # the module of ASGI
    package: str  # the package of the drop-ins

    @property
    def source(self) -> str:
        """The folder of manage.py, from which modules are imported; "." for the top."""
        return str(Path(self.manage).parent)

    @property
    def folder(self) -> str:
        """The folder of the drop-ins."""
        return _joined(self.source, self.package.replace(".", "/"))

    @property
    def depth(self) -> int:
        """How many folders the settings lie below the top."""
        return len(Path(self.settings_file).parts) - 1


def manage_files(texts: Mapping[str, str]) -> list[str]:
    """Return the manage.py of Django projects among files, those nearest to the top first.

    Raises SettingsError for a path that cannot stand in the files of hosts.
    """
    found = [name for name, text in texts.items() if Path(name).name == "manage.py" and "execute_from_command_line" in text]
    if odd := [name for name in found if not _PLAIN.fullmatch(name)]:
        raise SettingsError(f"{ascii(odd[0])}: its path cannot stand in a unit of systemd: rename the folder")
    return sorted(found, key=lambda name: (len(Path(name).parts), name))


def choose_manage(found: Sequence[str]) -> str:
    """Return the manage.py that is nearest to the top; raises SettingsError where two are as near."""
    first = found[0]
    alike = [name for name in found if len(Path(name).parts) == len(Path(first).parts)]
    if len(alike) > 1:
        raise SettingsError(f"--manage: there are several Django projects here; name one of {', '.join(alike)}")
    return first


def read_layout(texts: Mapping[str, str], names: Collection[str], manage: str, settings: str = "", by_file: str = "") -> Layout:
    """Return the layout of a project.

    Args: texts: the Python files that may name settings, by name. names: all files of the repository. manage: its manage.py.
    settings: the module that --settings names, by_file: the one of the environment file; "" for none. Raises SettingsError
    where no settings can be found.
    """
    source = str(Path(manage).parent)
    of_manage = next(iter(settings_modules(texts[manage])), "")
    application, of_wsgi = _application(texts, source, "wsgi")
    asgi, of_asgi = _application(texts, source, "asgi")
    of_application = of_wsgi or of_asgi
    # What the unit's environment names serves, whatever the application names for itself.
    served = settings or by_file or _served(of_application or of_manage, names, source)
    file = _file_of(served, names, source) if is_module(served) else ""
    if not file and by_file and not settings:
        raise SettingsError(
            f"--environment-file: {VARIABLE}: there is no file of {ascii(served)[1:-1]} in {source}; correct it there, or give"
            " --settings"
        )
    if not file:
        missing = f"there is no file of {ascii(served)[1:-1]} in {source}" if served else f"{manage} names no settings module"
        raise SettingsError(f"--settings: {missing}; name the settings module that serves")
    package = _package(served, file, names, source)
    return Layout(manage, served, of_manage, of_application, file, application, asgi, package)


def is_module(name: str) -> bool:
    """Return whether a text is the dotted name of a module."""
    return all(part.isidentifier() for part in name.split("."))


def _application(texts: Mapping[str, str], source: str, kind: str) -> tuple[str, str]:
    """Return the module of the application nearest to manage.py, and the settings that it names; `kind`: wsgi or asgi."""
    found = [name for name, text in texts.items() if named(text, f"django.core.{kind}", f"get_{kind}_application")]
    inside = sorted((name for name in found if is_module(_module(name, source))), key=lambda name: (len(Path(name).parts), name))
    if not inside:
        return "", ""
    first = next((name for name in inside if Path(name).name == f"{kind}.py"), inside[0])
    return _module(first, source), next(iter(settings_modules(texts[first])), "")


def _served(module: str, names: Collection[str], source: str) -> str:
    """Return the settings that visitors get: not those for developers, if there are others beside them."""
    parent, _, last = module.rpartition(".")
    if last not in FOR_DEVELOPERS or not parent:
        return module
    others = (f"{parent}.{name}" for name in FOR_VISITORS)
    return next((other for other in others if _file_of(other, names, source)), module)


def _file_of(module: str, names: Collection[str], source: str) -> str:
    path = _joined(source, module.replace(".", "/"))
    return next((name for name in (f"{path}.py", f"{path}/__init__.py") if name in names), "")


def _package(settings: str, file: str, names: Collection[str], source: str) -> str:
    """Return a package for the drop-ins beside the settings: not within a package that holds nothing but settings."""
    parts = settings.split(".") if file.endswith("/__init__.py") else settings.split(".")[:-1]
    while parts and parts[-1] == "settings":
        parts = parts[:-1]
    while parts and _joined(source, "/".join([*parts, "__init__.py"])) not in names:
        parts = parts[:-1]
    taken = [name for name in DROP_INS if f"{_joined(source, '/'.join([*parts, name]))}.py" in names]
    free = next((name for name in DROP_INS if name not in taken), None)
    if free is None:
        raise SettingsError(f"{' and '.join(taken)}: modules of the project have the names of the drop-ins' package: rename one")
    return ".".join([*parts, free])


def _module(name: str, source: str) -> str:
    path = Path(name)
    if source != "." and not path.is_relative_to(source):
        return ""
    return ".".join(path.relative_to(source).with_suffix("").parts)


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
