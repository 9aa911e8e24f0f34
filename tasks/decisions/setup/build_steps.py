"""How a project builds what its checkout lacks: the steps of its own Dockerfile and Makefile, and those of packages it uses."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath as Path
from shlex import quote

from .layout import FOR_DEVELOPERS

# By an app of INSTALLED_APPS: the commands by which its package builds. Sources: their documentation.
BUILT_BY = {
    "django_tailwind_cli": ("tailwind build",),
    "tailwind": ("tailwind install", "tailwind build"),
    "sass_processor": ("compilescss",),
}
_NPM = ("npm ci --include=dev --no-audit --no-fund", "npm run build")
_LOCKS = {"package-lock.json": "npm", "yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "bun"}
_PROGRAMS = {
    "Makefile": "make",
    "makefile": "make",
    "GNUmakefile": "make",
    "justfile": "just",
    "Justfile": "just",
    ".justfile": "just",
}
# The words in a name of a command of manage.py that makes files.
_BUILDS = re.compile(
    r"(?:^|[-_])(?:assets|(?:re)?build|bundle|compile|esbuild|tailwind|vite|webpack|(?:css|js|sass|scss)(?![a-z]))"
)
# What acts on more than files of the checkout, by names of commands and targets: refused, whatever else a name says.
_ACTS = re.compile(
    r"release|push|publish|deploy|upload|populate|migrat|make[-_]?messages|fixture|seed|truncate|backup|restore"
    r"|db(?![a-z])|(?<![a-z])(?:cache|data|database|drop|flush|import|index|load|reset|schema|search|sync|tags?)(?![a-z])",
    re.IGNORECASE,
)
# The same of the lines of a recipe.
_RECIPE_ACTS = re.compile(
    r"docker|make[-_]?messages|(?:make\)?|MAKE\)|just)\s+\S*release"
    r"|(?<![\w-])(?:release|push|publish|deploy|upload|twine|rsync|scp|ssh|migrate|flush|loaddata|psql|mysql|dropdb|createdb)(?![\w-])"
    r"|\bgit\s+(?:tag|commit)\b|\baws\s",
    re.IGNORECASE,
)
# Arguments of a command that never ends, and those that hold a secret, which would be written into fabric.yaml.
_SERVES = {"start", "dev", "watch", "serve", "runserver", "--watch", "-w"}
_SECRET = re.compile(r"auth|pass|pwd|secret|token|key|credential", re.IGNORECASE)
_RUNNERS = {("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run")}
_PLAIN = re.compile(r"[\w@%+=:,./-]+")
# Names of targets that make files, and of those among them that are not for visitors.
_MAKES = re.compile(
    r"asset|build|bundle|compile|css|front|i18n|js|less|locale|message|npm|sass|static|tailwind|translat|vite|webpack|yarn"
)
_NOT_FOR_VISITORS = re.compile(r"clean|debug|dev|docker|docs|image|install|lint|sandbox|test|update|watch")
# What our proof, our storage and Django's say of a static file that is not there.
_UNBUILT = re.compile(r"which collectstatic does not find$|is not in the static files manifest|staticfiles manifest entry for")
_RULE = re.compile(r"@?([A-Za-z_][\w-]*)[^:=\n]*:(?![=:])([^#\n]*)")


@dataclass(frozen=True)
class Steps:
    """Commands that build a checkout; `found`: the files that have them."""

    commands: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


def is_description(name: str) -> bool:
    """Return whether a file may say how a project is built for visitors."""
    path = Path(name)
    words = set(re.split(r"[^a-z]+", str(path).lower()))
    docker = re.fullmatch(r"(?:.+[.-])?(?:Dockerfile|Containerfile)(?:[.-].+)?", path.name) is not None
    return (docker and not words & (FOR_DEVELOPERS | {"ci", "devcontainer", "docs"})) or name in _PROGRAMS


def build_steps(texts: Mapping[str, str], manage: str, apps: Collection[str], npm: bool) -> Steps:
    """Return the commands that build a project beside what npm builds, with those of npm first; none where npm builds all.

    Args: texts: of the files of `is_description`. manage: path of manage.py. apps: INSTALLED_APPS. npm: whether `deploy` builds
    by npm where no commands are set.
    """
    by_depth = sorted(texts, key=lambda name: (len(Path(name).parts), name))
    made: dict[str, str] = {}
    for name in by_depth:
        steps = _of_targets(texts[name], _PROGRAMS[name]) if name in _PROGRAMS else _of_docker(texts[name], manage)
        made |= {step: name for step in steps if step not in made}
    for app in apps:
        commands = BUILT_BY.get(app, ())
        if commands and not any(set(commands[-1].split()) <= set(step.split()) for step in made):
            made |= {f"python {quote(manage)} {command}": f"the app {app}" for command in commands}
    if not made:
        return Steps()
    return Steps((*(_NPM if npm else ()), *made), tuple(dict.fromkeys(made.values())))


def left_to_build(names: Collection[str], packages: Mapping[str, str], commands: Collection[str]) -> Iterator[str]:
    """Yield what a project seems to build that neither `commands` nor npm at the top of the repository do.

    `names`: the files of the repository; `packages`: the texts of each package.json.
    """
    for name in sorted(packages):
        folder = Path(name).parent
        tool = next((tool for lock, tool in _LOCKS.items() if str(folder / lock) in names), None)
        if tool is None or (tool == "npm" and str(folder) == ".") or not _has_build(packages[name]):
            continue
        if not any(str(folder) in command and tool in command for command in commands):
            yield f"fabric.yaml: app.build: {name} has a script to build, by {tool}: name its commands, or commit what it makes"
    lacking = [name for name in names if name.endswith("/LC_MESSAGES/django.po") and f"{name[:-3]}.mo" not in names]
    if lacking and not any("compilemessages" in command for command in commands):
        yield f"fabric.yaml: app.build: {min(lacking)} has no .mo beside it: add `manage.py compilemessages`, which needs gettext"


def _has_build(package: str) -> bool:
    try:
        return "build" in json.loads(package).get("scripts", {})
    except (ValueError, AttributeError, TypeError):
        return False


def _of_docker(text: str, manage: str) -> Iterator[str]:
    """Yield the commands of manage.py that a Dockerfile runs when it makes its image: no database is there then."""
    for instruction in re.sub(r"\\\n(?:\s*#[^\n]*\n)*", " ", text).splitlines():
        run = re.match(r"\s*RUN\s+(?:--\S+\s+)*(.*)", instruction, re.IGNORECASE)
        for command in re.split(r"&&|;", run[1]) if run else ():
            arguments = _of_manage(command)
            if _only_builds(arguments):
                yield f"python {quote(manage)} {' '.join(map(quote, arguments))}"


def _only_builds(arguments: Sequence[str]) -> bool:
    """Return whether arguments of manage.py seem to make files of the checkout, and nothing else."""
    name = arguments[0] if arguments else ""
    if name.startswith("-") or not _BUILDS.search(name) or _ACTS.search(name) or _NOT_FOR_VISITORS.search(name):
        return False
    return not any(argument in _SERVES or _SECRET.search(argument) for argument in arguments)


def _of_manage(command: str) -> Sequence[str]:
    """Return the arguments of manage.py in a command of a shell; () for another command, or for what is not plain."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ()
    while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]):
        words = words[1:]
    words = words[2:] if tuple(words[:2]) in _RUNNERS else words
    if not all(map(_PLAIN.fullmatch, words)):
        return ()
    words = words[1:] if words and re.fullmatch(r"(?:.*/)?python[\d.]*", words[0]) else words
    if words[:2] in (["-m", "manage"], ["-m", "django"]):
        return words[2:]
    return words[1:] if words and Path(words[0]).name in ("manage.py", "django-admin") else ()


def _of_targets(text: str, program: str) -> Iterator[str]:
    """Yield a command for each target on which one depends that collects static files; `program`: make or just."""
    needs: dict[str, list[str]] = {}
    recipes: dict[str, str] = {}
    target = ""
    for line in text.splitlines():
        if line[:1] in ("\t", " "):
            recipes[target] = recipes.get(target, "") + line + "\n"
        elif rule := _RULE.match(line):
            target = rule[1]
            needs[target] = rule[2].split()
    for target, names in needs.items():
        made = [name for name in names if _MAKES.search(name) and not _NOT_FOR_VISITORS.search(name)]
        if "collectstatic" in recipes.get(target, ""):
            yield from (f"{program} {name}" for name in made if name in recipes and not _acts(name, needs, recipes))


def _acts(target: str, needs: Mapping[str, Sequence[str]], recipes: Mapping[str, str]) -> bool:
    """Return whether a target, or what it depends on, does more than make files."""
    seen, waiting = set[str](), [target]
    while waiting:
        name = waiting.pop()
        if (name in needs and _ACTS.search(name)) or _RECIPE_ACTS.search(recipes.get(name, "")):
            return True
        seen.add(name)
        waiting += [other for other in needs.get(name, ()) if other not in seen]
    return False


def unbuilt(failure: str) -> bool:
    """Return whether a proof may have failed for a static file alone that a build would have made."""
    return _UNBUILT.search(failure) is not None
