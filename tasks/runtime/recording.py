"""The report of a run (`--report FILE`): what was seen and done, written as one page of HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from ..decisions.reporting.events import Event
from ..decisions.reporting.lanes import Frame, frame
from ..decisions.reporting.page import Note, Report, StepRow, page
from ..decisions.rollout.snapshot import Fleet
from ..errors import SettingsError
from .text import redact


class Recording:
    """Remember a run, and write its page at the beginning, after each step and at the end.

    `path`: of the page; `about`: the command line and who runs it; `now`: epoch seconds; `calls`: the calls to AWS so far, by
    name; `warn` shows a warning. Raises SettingsError where the page cannot be written.
    """

    def __init__(
        self,
        path: str,
        about: tuple[str, str],
        now: Callable[[], float],
        calls: Mapping[str, int],
        warn: Callable[[str], None],
    ) -> None:
        self._path = Path(path)
        self._command, self._by = about
        self._now = now
        self._calls = calls
        self._warn = warn
        self._began = now()
        self._last: Event | None = None
        self._frames: dict[str, list[Frame]] = {}
        self._steps: list[StepRow] = []
        self._notes: list[Note] = []
        if not self._path.name or self._path.is_dir():
            raise SettingsError(f"--report: {path!r} is no name of a file; allowed: a file that can be written")
        try:
            self._write()
        except OSError as error:
            raise SettingsError(f"--report: {path}: {error.strerror}; allowed: a file that can be written") from error

    def see(self, fleet: Fleet) -> None:
        """Take a group as it is now."""
        shown = frame(fleet, self._now())
        known = self._frames.setdefault(fleet.group, [])
        if not known or (known[-1].desired, known[-1].instances) != (shown.desired, shown.instances):
            known.append(shown)

    def take(self, event: Event) -> None:
        """Take an event."""
        self._last = event
        if event.event == "step-ended":
            title = " ".join(part for part in (event.number, event.step) if part)
            took = event.seconds or 0.0
            self._steps.append(StepRow(title, event.at - took, took, event.outcome or ""))
        elif event.event in ("action", "warning"):
            self._notes.append(Note(event.at, event.group or "warning", event.text or ""))
        if event.event in ("step-ended", "run-ended"):
            self._save()

    def close(self) -> None:
        """Nothing is left to do."""

    def _save(self) -> None:
        try:
            self._write()
        except OSError as error:
            self._warn(f"--report: {self._path}: {error.strerror}")

    def _write(self) -> None:
        event = self._last
        report = Report(
            command=redact(self._command),
            by=self._by,
            began=self._began,
            ended=self._now(),
            outcome=(event.outcome or "") if event and event.event == "run-ended" else "",
            text=(event.text or "") if event and event.event == "run-ended" else "",
            facts=event.facts if event else {},
            frames=self._frames,
            steps=self._steps,
            notes=self._notes,
            calls=dict(self._calls),
        )
        text = page(report, _resource("report.css"), _resource("report.html"))
        # Written beside it and renamed: a reader never sees half a page.
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        with new.open("x", encoding="utf-8") as file:  # never through a link of another user in a shared folder
            file.write(text)
        new.replace(self._path)


def _resource(name: str) -> str:
    # As a resource: an installed package need not lie in a folder.
    return files(f"{__package__}.pages").joinpath(name).read_text(encoding="utf-8")
