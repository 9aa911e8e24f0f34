"""`python -m rehearsal`: what the task `rehearse` starts in an environment of its own."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from . import group_kinds, more_scenarios
from .foreign import acts, loading
from .host_kinds import KINDS, MACHINES
from .hosts.machines.namespaces import VARIABLE as BOX
from .jobs import broker
from .sandbox import REGION, SECRET, Refusal, command
from .scenario import Failed, Rehearsal
from .world import World

SKIPPABLE = ("restart-all",)
HOSTS = ("processes", "machines")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse; return 0 when nothing was lost, 1 when something was or the rehearsal did not get through, 2 for wrong usage."""
    args = parse(arguments)
    # SIGINT too: a shell has the commands that it starts in the background ignore it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if args.hosts == MACHINES.name and BOX not in os.environ:
            return _in_a_box(sys.argv[1:] if arguments is None else arguments, args)
        top = args.top or Path(tempfile.mkdtemp(prefix="ramped-rehearsal-"))
        group = group_kinds.KINDS[args.group]
        if group.jobs and (lacking := broker.missing()):
            raise Refusal(lacking)
        options = {"static_middleware": args.static_middleware, "unkind": args.seed, "outside": args.outside}
        options |= {"launches": group.parameters, "jobs": group.jobs}
        project = loading.load(top, KINDS[args.hosts]) if args.project else None
        with World(top, KINDS[args.hosts], project=project, **options) as world:
            further = more_scenarios.play if args.further else acts.play if project else None
            rehearsal = Rehearsal(world, args.instances, args.skip, further=further, group_kind=group, yes=args.yes)
            rehearsal.page = args.report
            well = rehearsal.play()
            if args.keep:
                _keep(world)
    except (Failed, Refusal) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrehearsal: stopped; everything that it started is gone", file=sys.stderr)
        return 1
    return 0 if well else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; argparse ends the process where they are wrong."""
    parser = argparse.ArgumentParser(prog="inv rehearse", description="Rehearse a release on the stand-in cloud.")
    parser.add_argument("--hosts", choices=HOSTS, default=HOSTS[0])
    parser.add_argument("--instances", type=_count, default=3)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--skip", action="append", default=[], choices=SKIPPABLE)
    parser.add_argument("--static-middleware", action="store_true")
    parser.add_argument("--further", action="store_true")
    parser.add_argument("--project", action="store_true", help="the site that was prepared in --top, in place of the shop")
    parser.add_argument("--yes", action="store_true", help="ship with --yes: the migrations were reviewed")
    parser.add_argument("--outside", action="store_true", help="the operator reaches public addresses only (process hosts)")
    parser.add_argument("--group", choices=sorted(group_kinds.KINDS), default=group_kinds.PLAIN.name)
    parser.add_argument("--unkind", action="store_true", help="a cloud as slow and unkind as AWS may be")
    parser.add_argument("--report", type=lambda text: Path(text).absolute(), help="write the report of `ship` to this file")
    parser.add_argument("--seed", type=int, help="what --unkind decides by where AWS may do either (default: chance)")
    parser.add_argument("--top", type=Path, help=argparse.SUPPRESS)  # the folder that was made for it: we are in a box
    args = parser.parse_args(arguments)
    if args.seed is not None and not args.unkind:
        parser.error("--seed needs --unkind")
    if args.project and (args.further or args.static_middleware or not args.top):
        parser.error("--project is without --further and --static-middleware")
    if group_kinds.KINDS[args.group].jobs and (args.project or args.hosts == MACHINES.name):
        parser.error(f"--group {args.group} is for the shop on process hosts")
    if args.outside and args.hosts == MACHINES.name:
        parser.error("--outside is not modelled for machines")
    if args.unkind and args.seed is None:
        args.seed = random.randrange(10_000)
    return args


def _in_a_box(arguments: Sequence[str], args: argparse.Namespace) -> int:
    """Go on in a box, where machines can be; return the exit code."""
    from .hosts.machines import golden, namespaces, requirements

    begun = False
    try:
        if line := requirements.missing(args.instances):
            print(f"rehearsal: {line}", file=sys.stderr)
            return 2
        golden.layers(lambda line: print(f"rehearsal: {line}", flush=True), loading.debian(args.top) if args.project else ())
        begun = True
    except (golden.GoldenError, KeyboardInterrupt) as error:
        print(f"rehearsal: {str(error) or 'stopped'}", file=sys.stderr)
        return 1
    finally:
        # It holds secrets of the site; a box removes it by itself.
        if args.top and not begun:
            shutil.rmtree(args.top)
    top = args.top or Path(tempfile.mkdtemp(prefix="ramped-rehearsal-"))
    own = [] if args.top else ["--top", str(top)]
    return namespaces.run([sys.executable, "-m", __package__ or "", *arguments, *own], [top], note=top / "box")


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 40:
        raise argparse.ArgumentTypeError(f"found {text}; allowed: 1 to 40")
    return int(text)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Not `print`, which may be what is interrupted; and a terminal may be what has ended.
    with suppress(OSError):
        os.write(2, b"\nrehearsal: stopping, and removing what it made\n")
    raise KeyboardInterrupt


def _keep(world: World) -> None:
    """Leave the world running, say how to get at it, and wait for Ctrl-C."""
    folder, api, balancer = world.places.operator, world.endpoints["api"], world.endpoints["balancer"]
    fab, inv = " ".join(command("fab")), " ".join(command("inv"))
    browser = f"\n  {balancer}/      in a browser; its files come from {world.endpoints['cdn']}"
    namespaces = ""
    if world.kind is MACHINES:
        browser, namespaces = "", f"  nsenter --target $(cat {world.places.top}/box) --all bash      all of it is in a box\n"
    print(
        f"""
The stand-in cloud keeps running until Ctrl-C. In another terminal:

{namespaces}  cd {folder}
  export AWS_ENDPOINT_URL={api} AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
  export AWS_ACCESS_KEY_ID={world.key} AWS_SECRET_ACCESS_KEY={SECRET}
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_IGNORE_CONFIGURED_ENDPOINT_URLS

  {inv} status                         any task: fabric.yaml there points at the stand-in
  {fab} deploy --revision {world.v1[:12]}     back to version 1, for example
  aws autoscaling describe-auto-scaling-groups
  git clone {world.places.top}/origin.git   what `deploy` fetches; push to main to release
  curl -H 'Host: {world.project.domain}' {balancer}/{browser}

Ctrl-C ends it and removes everything.""",
        flush=True,
    )
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
