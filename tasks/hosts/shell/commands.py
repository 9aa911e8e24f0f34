"""The commands that run on a host, as text: builders only, nothing runs here.

Relative paths start in the home of the SSH user. Text from settings or from git is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from ...decisions.access.journal import FIELDS
from ...decisions.release.migrations import COMMAND, MIGRATE
from ...decisions.release.pruning import MARK as PRUNED
from ...decisions.release.readiness import BOOT
from ...decisions.release.readiness import MARK as SITE
from ...decisions.release.releases import MARK
from ...decisions.release.serving import MARK as SERVING
from ...settings.model import App
from .installation import TOOLS, installation
from .remote_scripts import program, text

WAIT = 600  # seconds that `locked` waits
BUSY = 75  # the exit code of `locked` when an earlier command does not end
INSTALLED = ".ramped-requirements"  # in the virtual environment: the hash of what was installed last


def home(path: str) -> str:
    """Quote a path of the settings, relative to $HOME."""
    return quote(path) if path.startswith("/") else "~/" + quote(path.removeprefix("~/"))


def touch(path: str) -> str:
    """Create an empty file in an existing folder."""
    return f"touch {home(path)}"


def remove(path: str) -> str:
    """Remove a file if it exists."""
    return f"rm -f {home(path)}"


def locked(app: App, command: str, wait: int = WAIT) -> str:
    """Run a command when no other locked command runs on the checkout; a killed deploy may have left one running.

    `wait`: seconds, after which it exits BUSY. Source: flock(1).
    """
    return f"flock -o -E {BUSY} -w {wait} {home(app.directory)} sh -c {quote(command)}"


def hook(app: App, line: str, variables: Mapping[str, str]) -> str:
    """Run a command line of the operator in the site's folder, with variables in its environment."""
    given = " ".join(f"{name}={quote(text)}" for name, text in variables.items())
    return f"cd {home(app.directory)} && env {given} sh -c {quote(line)}"


def python(app: App) -> str:
    """Return the interpreter of the virtual environment."""
    return home(f"{app.virtualenv.rstrip('/')}/bin/python")


def as_served(app: App, arguments: str) -> str:
    """Run the site's Python with arguments, in the site's folder and with the environment of its service.

    Without it a site that reads its database from the unit would migrate another one.
    """
    return _in_environment(app, arguments, "python")


def own(app: App, command: str) -> str:
    """Run a command of the project's own in its folder, with its virtual environment and the environment of its service."""
    return _in_environment(app, quote(command), "shell")


def serving(app: App, question: Mapping[str, object]) -> str:
    """Load the application as the site's unit does, beside it, and print how it is set and what is wrong with pages.

    `question`: as scripts/application.py has it; the answer is what `decisions.serving` reads.
    """
    script = program(
        "serving",
        SERVING,
        app.services[0],
        app.manage,
        dict(question),
        *(text(name) for name in ("application", "databases", "pages")),
    )
    return _in_environment(app, f"-c {quote(script)}", "service")


def _in_environment(app: App, arguments: str, kind: str) -> str:
    wrapped = quote(program("environment", app.services[0], app.environment_file or "", kind))
    return f"cd {home(app.directory)} && {python(app)} -c {wrapped} {arguments}"


def manage(app: App, arguments: str) -> str:
    """Run a management command of the site as its service would."""
    return as_served(app, f"{quote(app.manage)} {arguments}")


def missing(app: App) -> str:
    """Print what the host lacks for a deploy: `checkout`, `virtualenv`, `manage`."""
    checkout = home(app.directory)
    return "; ".join(
        f"{test} || echo {what}"
        for what, test in (
            ("checkout", f"git -C {checkout} rev-parse --git-dir >/dev/null 2>&1"),
            ("virtualenv", f"test -x {python(app)}"),
            ("manage", f"test -f {home(app.directory.rstrip('/') + '/' + app.manage)}"),
        )
    )


def record(path: str, text: str) -> str:
    """Write a line into a file atomically."""
    new = home(f"{path}.new")
    return f"printf '%s\\n' {quote(text)} > {new} && mv -f {new} {home(path)}"


def record_revision(app: App, sha: str, base: str = ".") -> str:
    """Write the file REVISION, which the site's settings read; `base`: BASE_DIR, relative to app.directory."""
    return record(f"{app.directory.rstrip('/')}/{'' if base == '.' else f'{base}/'}REVISION", sha)


def recorded_revision(app: App) -> str:
    """Print the file REVISION, if there is one."""
    return f"cat {home(app.directory.rstrip('/') + '/REVISION')} 2>/dev/null || true"


def dependencies(app: App) -> str:
    """Print by what the checkout is installed and built, as `decisions.dependencies` reads it."""
    return f"cd {home(app.directory)} && {python(app)} -c {quote(_dependencies(app))}"


def _dependencies(app: App) -> str:
    return program("dependencies", list(app.requirements), list(app.install or ()))


def built(app: App, git_directory: str, action: str, sha: str = "") -> str:
    """Record, show or undo what the project's own commands have changed in the checkout (scripts/built.py)."""
    script = program("built", action, f"{git_directory}/ramped", sha)
    return f"cd {home(app.directory)} && {python(app)} -c {quote(script)}"


def installed_hash(app: App) -> str:
    """Print the hash of the requirements that were installed last, if any."""
    return f"cat {home(app.virtualenv.rstrip('/') + '/' + INSTALLED)} 2>/dev/null || true"


def record_installed(app: App, digest: str) -> str:
    """Record the hash of the installed requirements in the virtual environment."""
    return record(f"{app.virtualenv.rstrip('/')}/{INSTALLED}", digest)


def pending_migrations(app: App, git_directory: str, sha: str, installed: str) -> str:
    """Print what the migrations of a revision mean for the running release, as `decisions.migrations` reads it.

    `installed`: the hash of the requirements that were installed last.
    """
    arguments = [COMMAND, *_judged(app)]
    installers = {tool: installation(tool, app.requirements) for tool in TOOLS}
    own = " && ".join(f"{{ {command}; }}" for command in app.install or ())
    script = program("revision", sha, git_directory, app.manage, arguments, _dependencies(app), installed, installers, own)
    return as_served(app, f"-c {quote(script)}")


def contracting_migrations(app: App) -> str:
    """Print what the pending migrations of the checked-out release mean for itself, as `decisions.migrations` reads it."""
    return manage(app, " ".join([COMMAND, "--contract", *map(quote, _judged(app))]))


def _judged(app: App) -> list[str]:
    return ["--no-color", "--keep-defaults", *(f"--database={alias}" for alias in app.databases)]


def migrate_plan(app: App, database: str, left: Sequence[str] = ()) -> str:
    """Print which migrations would run on a database; `left`: those that wait, as app.name."""
    command = " ".join([MIGRATE, *_left(left)]) if left else "migrate"
    return manage(app, f"{command} --plan --no-color --database {quote(database)}")


def migrate(app: App, database: str, left: Sequence[str] = ()) -> str:
    """Run the migrations of a database; `left`: those that wait, as app.name."""
    command = " ".join([MIGRATE, *_left(left)]) if app.check_migrations else "migrate"
    return manage(app, f"{command} --noinput --no-color --database {quote(database)}")


def _left(names: Sequence[str]) -> list[str]:
    return [f"--leave={quote(name)}" for name in names]


def collectstatic(app: App) -> str:
    """Collect the static files."""
    return manage(app, "collectstatic --noinput --no-color")


def manifest(app: App, git_directory: str, sha: str, *, archive: bool = False, built: bool = True) -> str:
    """Print the site's manifest of static files, as `releases.read_manifest` reads it.

    `archive`: its names beside STATIC_ROOT; `built`: whether other tools have written their manifests of this release.
    """
    return _shell(app, _manifest(git_directory, sha, write=False, archive=archive, built=built))


def site(app: App) -> str:
    """Print the site's facts about its static files, its disk and its databases, as `read_facts` and `read_serving` read them."""
    scripts = [program("site", SITE), program("databases", SERVING)]
    return _shell(app, f"for script in {scripts!r}: exec(script, {{}})")


def before_release(app: App, git_directory: str, sha: str) -> str:
    """Print what `site`, `databases` and `manifest` print, whose names are recorded as those from before a revision.

    All in one process: Django takes a while to start.
    """
    scripts = [program("site", SITE), program("databases", SERVING), _manifest(git_directory, sha, write=True)]
    return _shell(app, f"for script in {scripts!r}: exec(script, {{}})")


def _manifest(git_directory: str, sha: str, *, write: bool, archive: bool = False, built: bool = True) -> str:
    others = text("others") if built else ""
    return program("manifest", MARK, f"{git_directory}/ramped/{sha}.before.json", write, sha if archive else "", others)


def _shell(app: App, script: str) -> str:
    return manage(app, f"shell -v 0 -c {quote(script)}")


def prune(app: App, retire: Sequence[str], token: str, *, dry: bool) -> str:
    """Print the archived releases, as `pruning.read_archives` reads them, and retire some."""
    return _shell(app, program("prune", PRUNED, list(retire), token, dry))


def systemctl(verb: str, unit: str) -> str:
    """Run systemctl on a unit as root."""
    return f"sudo -n systemctl {quote(verb)} {quote(unit)}"


def units(app: App, names: Sequence[str]) -> str:
    """Print the state of each unit in a line, then the file REVISION, if there is one."""
    return f"systemctl is-active {' '.join(map(quote, names))}; {recorded_revision(app)}"


def refused(units: Sequence[str], *, reload: bool = False) -> str:
    """Print each command of `restart`, and of a reload, that sudo would not run without a password, a line each."""
    verbs = ("reset-failed", "restart", *(["reload"] if reload else []))
    wanted = [f"systemctl {verb} {quote(unit)}" for unit in units for verb in verbs]
    return "; ".join(f"sudo -n -l {command} >/dev/null 2>&1 || echo {quote(command)}" for command in wanted)


def restart(unit: str) -> str:
    """Restart a unit, also after its start limit was hit: systemd then refuses further starts."""
    return f"{systemctl('reset-failed', unit)} 2>/dev/null; {systemctl('restart', unit)}"


def show(unit: str, properties: Sequence[str]) -> str:
    """Print properties of a unit, as `reloading.read_service` reads them."""
    return f"systemctl show {quote(unit)} --property={','.join(properties)}"


def boot() -> str:
    """Print a text that changes at each boot."""
    return "systemctl show --property=UserspaceTimestampMonotonic --property=UserspaceTimestamp"


def boot_seconds() -> str:
    """Print when the boot had ended, as `readiness.read_boot` reads it."""
    return f"systemctl show --property={','.join(BOOT)}"


def journal(unit: str, lines: int = 40) -> str:
    """Print the end of a unit's journal where there is one."""
    ask = f"journalctl -u {quote(unit)} -n {lines} --no-pager"
    return f"if command -v journalctl >/dev/null; then sudo -n {ask} 2>/dev/null || {ask} 2>/dev/null || true; fi"


def entries(units: Sequence[str], since: str, pattern: str | None, *, follow: bool) -> str:
    """Print the entries of units since a time, as `journal.read` reads them; `follow`: and new ones as they come.

    Without root: the user needs the group systemd-journal or adm. A number of lines is never given: with a pattern it would
    reverse the order (journalctl(1), --grep).
    """
    chosen = [*(f"--unit={quote(unit)}" for unit in units), f"--since={quote(since)}"]
    chosen += [f"--grep={quote(pattern)}"] if pattern is not None else []
    shown = ["--output=json", f"--output-fields={','.join(FIELDS)}", "--all", "--no-pager", *(["--follow"] if follow else [])]
    return f"SYSTEMD_COLORS=0 journalctl {' '.join([*chosen, *shown])}"
