"""`doctor`: everything that a release needs and that can be looked up before it begins; changes nothing."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

from ..decisions.release.readiness import ranked, worst
from ..errors import DeployError
from ..fleet.examination import examine, of_cdn
from ..fleet.look_ahead import look_ahead
from ..runtime.output import Output
from ..runtime.run import Run


def doctor(run: Run, json: bool = False) -> None:
    """Examine groups, quotas, hosts, SSH, sudo, git, disk, static files and CDN; exit code 1 if a release would fail."""
    shown = run.out
    # Nothing is written, not even the tag of a new host key.
    run = replace(run, out=Output(sys.stderr) if json else run.out).dried()
    with look_ahead(run, release=True):
        findings = ranked([*examine(run), *of_cdn(run)])
    if json:
        shown.answer([asdict(finding) for finding in findings])
    else:
        run.out.table(
            "findings", ("about", "", "finding"), [[finding.about, finding.level, finding.text] for finding in findings]
        )
    problems = sum(finding.level == "problem" for finding in findings)
    if worst(findings) == "problem":
        raise DeployError(f"{problems} of {len(findings)} findings would make a release fail")
