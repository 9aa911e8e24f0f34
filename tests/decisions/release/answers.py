"""What a site says of its migrations."""

import json
from typing import Any

from tasks.decisions.release.migrations import VERDICTS


def operation(verdict: str, **more: str) -> dict[str, str]:
    told = {"app": "shop", "migration": "0002", "operation": "Add field", "why": "because", "instead": "wait", "locks": ""}
    return {**told, "verdict": verdict, **more}


def answer(*verdicts: str, alias: str = "default", said: str = "", **more: Any) -> str:
    worst = said or max(verdicts, key=VERDICTS.index, default="none")
    databases = [{"alias": alias, "operations": [operation(one) for one in verdicts]}]
    return json.dumps({"format": 2, "verdict": worst, "databases": databases, **more}, indent=2)
