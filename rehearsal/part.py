"""A server that runs as a part of a rehearsal: a process of its own that ends with it."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager


class NotServing(Exception):
    """Say what did not start, and what it said."""


def serve(server: AbstractContextManager[Mapping[str, object]]) -> int:
    """Print how a server is reached as a line of JSON, serve until standard input ends, and return the exit code."""
    try:
        with server as reached:
            print(json.dumps(reached), flush=True)
            while os.read(sys.stdin.fileno(), 4096):
                continue
    except (NotServing, OSError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    return 0
