"""Name what the published policies allow and no operation of the tests has used: python -m tests.policies.unused FILE."""

import sys
from pathlib import Path

from rehearsal.cloud.authorization.published import OPERATOR, published

from .recorder import FOLDER

# Used without a call of ours to the stand-in's API.
_BY_OTHERS = {
    "ssm:StartSession": "the AWS CLI starts sessions",
    "ssm:ResumeSession": "the Session Manager plugin, after a break",
    "ssm:TerminateSession": "the Session Manager plugin",
    "ssmmessages:OpenDataChannel": "the Session Manager plugin, over its web socket",
    "ssm:GetParameters": "EC2, for a template whose image is resolve:ssm:…",
    "iam:PassRole": "EC2, for a template with an instance profile",
}


def unused(lines: list[str]) -> list[str]:
    """Return what is in the policies and not in the lines."""
    used = {tuple(line.split()) for line in lines}
    allowed = [
        (name, statement["Sid"], action)
        for name in OPERATOR
        for statement in published(FOLDER, name)["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    return [" ".join(one) for one in allowed if one not in used and one[2] not in _BY_OTHERS]


if __name__ == "__main__":
    left = unused(Path(sys.argv[1]).read_text().splitlines())
    print("\n".join(left) or "every statement of the policies is used")
    raise SystemExit(bool(left))
