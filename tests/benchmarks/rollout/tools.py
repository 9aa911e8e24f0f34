"""The commands of the three tools, each as its user would run it, unmodified; their clock runs as fast as the stand-in's."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.rollout.figures import OURS

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / ".cache" / "peers"
PINS = ("ansible==12.3.0", "awscli==1.46.3", "boto3==1.44.5")
REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}

# Their own sleeps and timeouts pass as AWS's time does in the stand-in cloud.
CLOCK = """
import os, threading, time
_speed, _sleep, _time, _wait = float(os.environ["ROLLOUT_SPEED"]), time.sleep, time.time, threading.Condition.wait
_begun = _time()
time.sleep = lambda seconds: _sleep(seconds / _speed)
time.time = lambda: _begun + (_time() - _begun) * _speed
# botocore's limiter of calls waits here.
threading.Condition.wait = lambda self, timeout=None: _wait(self, timeout if timeout is None else timeout / _speed)
"""


@dataclass(frozen=True)
class Job:
    """A group to be rolled over to a template version."""

    url: str
    folder: Path
    group: str
    template: str
    version: str
    instances: int
    surge: int
    poll: float  # AWS's seconds
    speed: float


def install() -> None:
    """Make the virtual environment of the others, where it is missing or holds other versions."""
    if not (PEERS / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    pip = [str(PEERS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout.splitlines()
    if not set(PINS) <= set(frozen):
        subprocess.run([*pip, "install", *PINS], check=True)


def environment(job: Job) -> dict[str, str]:
    """Return the environment of a tool: the stand-in's credentials and clock, nothing of the user's own."""
    (job.folder / "sitecustomize.py").write_text(CLOCK)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    more = {
        "AWS_DEFAULT_REGION": REGION,
        "HOME": str(job.folder),
        "PYTHONPATH": str(job.folder),
        "ROLLOUT_SPEED": str(job.speed),
        "AWS_PAGER": "",
    }
    return {"LC_ALL": "C.UTF-8", **kept, **CREDENTIALS, **more}


def _run(job: Job, *words: object) -> str:
    ended = subprocess.run([str(w) for w in words], cwd=job.folder, env=environment(job), capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{words[0]} ended with {ended.returncode}:\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}")
    return ended.stdout


def ramped(job: Job) -> None:
    """Roll with `invoke rollout`."""
    settings = {
        "aws": {"region": REGION, "endpoint": job.url},
        "groups": [job.group],
        "ssh": {"user": "nobody"},
        "app": {"directory": "app", "services": ["shop.service"], "domain": "shop.example.com"},
        "rollout": {"surge": job.surge, "batch": job.surge, "poll": job.poll, "smoke_boot": False, "check_revision": False},
        "static": {"url": "/static/"},
    }
    (job.folder / "fabric.yaml").write_text(yaml.safe_dump(settings))
    (job.folder / "tasks").symlink_to(ROOT / "tasks")
    _run(job, sys.executable, "-m", "invoke", "rollout")


def ansible(job: Job) -> None:
    """Roll with `replace_all_instances`."""
    module = {
        "name": job.group,
        "region": REGION,
        "endpoint_url": job.url,
        "launch_template": {"launch_template_id": job.template, "version": job.version},
        "replace_all_instances": True,
        "replace_batch_size": job.surge,
        "health_check_type": "ELB",
        "wait_timeout": 14400,
    }
    name = "amazon.aws.autoscaling_group"
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [{name: module}]}]
    play[0]["vars"] = {"ansible_python_interpreter": str(PEERS / "bin" / "python")}
    (job.folder / "play.yaml").write_text(json.dumps(play))
    _run(job, PEERS / "bin" / "ansible-playbook", "-i", "localhost,", "play.yaml")


def aws_cli(job: Job) -> None:
    """Roll with `start-instance-refresh`, launching before it terminates, and look until it is over."""

    def aws(command: str, **given: Any) -> Mapping[str, Any]:
        told = json.dumps({"AutoScalingGroupName": job.group, **given})
        words = ("--endpoint-url", job.url, "autoscaling", command, "--cli-input-json", told, "--output", "json")
        answer: Mapping[str, Any] = json.loads(_run(job, PEERS / "bin" / "aws", *words))
        return answer

    preferences = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 100 + 100 * job.surge // job.instances}
    template = {"LaunchTemplateId": job.template, "Version": job.version}
    due = time.monotonic()
    aws("start-instance-refresh", Preferences=preferences, DesiredConfiguration={"LaunchTemplate": template})
    status = "Pending"
    while status in ("Pending", "InProgress"):
        due += job.poll / job.speed
        time.sleep(max(0.0, due - time.monotonic()))
        status = aws("describe-instance-refreshes")["InstanceRefreshes"][0]["Status"]
    if status != "Successful":
        raise RuntimeError(f"the refresh is {status}")


TOOLS: Mapping[str, Callable[[Job], None]] = {
    OURS: ramped,
    "Ansible replace_all_instances": ansible,
    "AWS CLI start-instance-refresh": aws_cli,
}
