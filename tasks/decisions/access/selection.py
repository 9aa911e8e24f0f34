"""Which hosts a command is for: `--on web`, `management`, `all`, or the id of an instance."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import SettingsError

WEB, MANAGEMENT, ALL = "web", "management", "all"


def select(wanted: Sequence[str], web: Sequence[str], management: str | None) -> list[str]:
    """Return the ids of the hosts that are meant, each once, the management instance first.

    `wanted`: words of `--on`; `web`: the running instances of the groups; `management`: the management instance, if there is one.
    Raises SettingsError for an unknown word, and where nothing is left.
    """
    known = [*([management] if management else []), *web]
    meaning = {WEB: list(web), MANAGEMENT: known[: len(known) - len(web)], ALL: known}
    meaning |= {id: [id] for id in known}
    unknown = [word for word in wanted if word not in meaning]
    if unknown:
        allowed = ", ".join([WEB, MANAGEMENT, ALL, *known])
        raise SettingsError(f"--on: found {', '.join(unknown)}; allowed: {allowed}")
    meant = {id for word in wanted for id in meaning[word]}
    if not meant:
        raise SettingsError(f"--on {' --on '.join(wanted)}: there is no such instance that runs")
    return [id for id in known if id in meant]
