"""Operators that die: a process that forks one for each line of JSON on its input, and tells how it ended.

{"settings": pickled, in base64, "to": a version, or null to abort, "kill": n or null, "when": "before" | "after"}: SIGKILL at the
n-th changing API call, before it is sent or after its answer came. Answers {"signal", "code", "writes"} on a line.
"""

import base64
import io
import json
import os
import pickle
import signal
import sys
from typing import Any

import boto3  # noqa: F401  (before the fork, so that no operator has to)
from botocore.client import BaseClient

from tasks.errors import DeployError
from tasks.operations.abort import end_runs
from tasks.operations.rollout import roll_out
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.worlds.rolling_world import COMMAND

READS = ("Describe", "Get", "List")


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(_watch(json.loads(line))), flush=True)


def _watch(order: dict[str, Any]) -> dict[str, Any]:
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        _operate(order, ours)
    os.close(ours)
    with os.fdopen(theirs) as told:
        writes = told.read().count("\n")
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return {"signal": -code if code < 0 else 0, "code": max(code, 0), "writes": writes}


def _operate(order: dict[str, Any], told: int) -> None:
    code = 99
    try:
        _count(order, told)
        out = Output(io.StringIO(), sys.stderr)
        run = Run(pickle.loads(base64.b64decode(order["settings"])), out, SystemClock(), False, COMMAND)
        if order["to"]:
            roll_out(run, {}, order["to"])
        else:
            end_runs(run, run.settings.groups)
        code = 0
    except DeployError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    finally:
        os._exit(code)


def _count(order: dict[str, Any], told: int) -> None:
    call, count = BaseClient._make_api_call, [0]

    def counted(client: Any, operation: str, params: Any) -> Any:
        if operation.startswith(READS) or params.get("DryRun"):
            return call(client, operation, params)
        count[0] += 1
        os.write(told, f"{operation}\n".encode())
        mine = count[0] == order["kill"]
        if mine and order["when"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return call(client, operation, params)
        finally:
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)

    BaseClient._make_api_call = counted


if __name__ == "__main__":
    main()
