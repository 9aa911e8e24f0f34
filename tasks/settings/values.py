"""The types of the settings' fields, each with its allowed values and a hint for the most frequent mistake."""

import re
from collections.abc import Mapping
from typing import Annotated

from .hooks import COMMANDS, Hook, HookMap
from .kinds import Amount, Flag, Money, Page, Pages, Seconds, Tags, Text, Texts, Whole
from .windows import WindowText, ZoneText

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_PORT = r"(?::[0-9]{1,5})?"
_LOGIN = r"[a-z_][a-z0-9_.-]*"


def _bare_host(text: str) -> str:
    host = re.sub(r"^[a-z+]+://|(?<![:/])[:/](?!//).*$", "", text)
    return f"only the name: {host}" if host != text else ""


def _region_of_zone(text: str) -> str:
    return f"that is an Availability Zone; its region is {text[:-1]}" if re.fullmatch(r"[a-z-]+-\d[a-z]", text) else ""


def _origin_only(text: str) -> str:
    return "without a path: " + "/".join(text.split("/")[:3]) if re.match(r"https?://[^/]+/", text) else ""


def _id_only(text: str) -> str:
    return "the id, neither the domain name nor the ARN" if "." in text or ":" in text else ""


_IN_APP = Text("a path relative to app.directory", r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f]+")
_UNIT = Text("the name of a systemd unit", r"[A-Za-z0-9@:_.\\-]+")
_PUBLIC_KEY = r"(?:[a-z0-9@.-]+ AAAA[0-9A-Za-z+/]+=*(?: [^\x00-\x1f\x7f]*)?|SHA256:[0-9A-Za-z+/]{43})"
_GROUP = Text("the name of an Auto Scaling group", r"[^\x00-\x1f\x7f:]{1,255}")

Line = Annotated[str, Text()]
Unit = Annotated[str, _UNIT]
Yes = Annotated[bool, Flag()]
Count = Annotated[int, Whole(1)]
InitializationRate = Annotated[int, Whole(100, 300, "MiB/s")]
Port = Annotated[int, Whole(1, 65535)]
Duration = Annotated[int, Whole(1, unit="seconds")]
# Elastic Load Balancing, "Health checks for Application Load Balancer target groups": the bounds of each.
CheckInterval = Annotated[int, Whole(5, 300, "seconds")]
CheckTimeout = Annotated[int, Whole(2, 120, "seconds")]
CheckCount = Annotated[int, Whole(2, 10)]
WarmUp = Annotated[int, Whole(0, unit="seconds")]
Some = Annotated[int, Whole(0)]
Interval = Annotated[float, Seconds()]
Price = Annotated[float, Money()]
Quantity = Annotated[int | str, Amount()]
TagMap = Annotated[Mapping[str, str], Tags()]

StopHooks = Annotated[Mapping[str, tuple[Hook, ...]], HookMap("stop")]
WarnHooks = Annotated[Mapping[str, tuple[Hook, ...]], HookMap("warn")]
NoticeEvents = Annotated[
    tuple[str, ...],
    Texts(Text("start, success, failure, interrupted or crash", "start|success|failure|interrupted|crash")),
]
ChangingCommands = Annotated[tuple[str, ...], Texts(Text("a command that changes something", "|".join(COMMANDS)))]

DatabaseName = Annotated[
    str,
    Text(
        "the name of an RDS instance, or cluster: and that of an Aurora cluster",
        r"(?:cluster:)?(?!.*--)[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
    ),
]
Share = Annotated[str, Text("a percentage below 100% such as 1% or 0.5%", r"(?:[0-9]|[1-9][0-9])(?:\.[0-9]{1,3})?%")]
Windows = Annotated[tuple[str, ...], Texts(WindowText())]
TimeZone = Annotated[str, ZoneText()]

Region = Annotated[str, Text("a region such as eu-central-1", r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+", _region_of_zone)]
GroupNames = Annotated[tuple[str, ...], Texts(_GROUP, minimum=1)]
InstanceId = Annotated[str, Text("an instance id such as i-0123456789abcdef0", r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")]
RoleTag = Annotated[str, Text("key=value", r"(?!aws:)[^=\x00-\x1f]{1,128}=[^\x00-\x1f]{1,256}")]
# Of the 128 letters that EC2 allows (CreateImage, "Name"), the revision and the time take 28.
ImageName = Annotated[str, Text("3 to 100 letters, digits, blanks or ()[]./-'@_", r"[A-Za-z0-9()\[\] ./'@_-]{3,100}")]
Paths = Annotated[tuple[str, ...], Texts(Text("a path, from ~/ or /", r"(?:~/|/)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f]+"))]
PublicKeys = Annotated[tuple[str, ...], Texts(Text("a public key or its fingerprint SHA256:…", _PUBLIC_KEY))]
Percentages = Annotated[tuple[str, ...], Texts(Text("a percentage such as 25%", r"(?:[1-9][0-9]?|100)%"))]
Alarms = Annotated[tuple[str, ...], Texts(Text("the name of a CloudWatch alarm", r"[^\x00-\x1f\x7f]{1,255}"))]
Reach = Annotated[str, Text("private, public or dns", "private|public|dns")]
Volumes = Annotated[str, Text("root or all", "root|all")]
Contract = Annotated[str, Text("refuse, later or ship", "refuse|later|ship")]
Engine = Annotated[str, Text("ramped or instance-refresh", "ramped|instance-refresh")]
Standby = Annotated[str, Text("refuse, ignore or replace", "refuse|ignore|replace")]
DistributionId = Annotated[str, Text("a CloudFront distribution id such as E2QWRUHAPOMQZL", r"[A-Z0-9]{8,20}", _id_only)]

HeaderName = Annotated[str, Text("the name of an HTTP header", r"[A-Za-z0-9-]{1,40}")]
Networks = Annotated[tuple[str, ...], Texts(Text("addresses such as 192.0.2.0/24", r"[0-9a-fA-F.:]+/[0-9]{1,3}"))]
Login = Annotated[str, Text("a user's name", _LOGIN)]
Gateway = Annotated[str, Text("management, direct, ssm, or [user@]host[:port]", rf"(?:{_LOGIN}@)?{_HOST}{_PORT}")]
Domain = Annotated[str, Text("a host name such as www.example.com", rf"(?=.{{1,253}}$){_HOST}", _bare_host)]
Origin = Annotated[str, Text("http:// or https:// and a host, without a path", rf"https?://{_HOST}{_PORT}", _origin_only)]
UrlPath = Annotated[str, Text("a path that begins with /", r"/[!-~]*")]
# Without its host after reading (rules.derive).
StaticPath = Annotated[
    str,
    Text(
        "STATIC_URL: a path that begins and ends with /, such as /static/, or a URL that ends with /",
        rf"(?:(?:https?:)?//{_HOST}{_PORT})?/(?:[!-~]*[!-.0-~]/)?",
    ),
]

Branch = Annotated[str, Text("a branch", r"(?![-/.])(?!.*\.\.)[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")]
InApp = Annotated[str, _IN_APP]
InAppList = Annotated[tuple[str, ...], Texts(_IN_APP)]
TargetGroupNames = Annotated[tuple[str, ...], Texts(Text("the name of a target group", r"[A-Za-z0-9-]{1,32}"))]
Aliases = Annotated[tuple[str, ...], Texts(Text("the alias of a database in DATABASES", r"[A-Za-z0-9_.-]+"), minimum=1)]
AnyUnits = Annotated[tuple[str, ...], Texts(_UNIT)]
Units = Annotated[tuple[str, ...], Texts(_UNIT, minimum=1)]
# One a line in a variable: commands may contain commas.
Commands = Annotated[tuple[str, ...], Texts(Text("a command of the shell"), separator="\n")]
PageList = Annotated[tuple[Page, ...], Pages()]
