"""What the published policies allow, and above all what they do not: nothing on what is not the site's."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from rehearsal.cloud.authorization.compute import encrypted_volumes
from rehearsal.cloud.authorization.evaluate import Request, authorize, authorize_all
from rehearsal.cloud.authorization.facts import Names
from rehearsal.cloud.authorization.published import OPERATOR, published
from rehearsal.cloud.authorization.services import data_channel
from rehearsal.cloud.authorization.table import requests
from tests.policies.recorder import FOLDER

POLICIES = [published(FOLDER, name) for name in OPERATOR]
LT, OTHER_LT = "lt-0123456789abcdef0", "lt-0fedcba9876543210"
MANAGEMENT, WEB, SMOKE, FOREIGN = "i-0a", "i-0b", "i-0c", "i-0d"
# Instances on which somebody else in the account has set our tags: of another template, and members of groups.
FORGED, FORGED_MANAGEMENT, MEMBER_SMOKE, MEMBER_MANAGEMENT = "i-0e", "i-0f", "i-10", "i-11"
OURS = {"aws:ec2launchtemplate:id": LT}
TAGS: Mapping[str, Mapping[str, str]] = {
    "eipalloc-ours": {"ramped:role": "management"},
    MANAGEMENT: {**OURS, "ramped:role": "management"},
    WEB: {**OURS, "aws:autoscaling:groupName": "shop-web"},
    SMOKE: {**OURS, "ramped:role": "smoke"},
    FOREIGN: {"Name": "database"},
    FORGED: {"ramped:role": "smoke", "ramped:group": "shop-web", "aws:ec2launchtemplate:id": OTHER_LT},
    FORGED_MANAGEMENT: {"ramped:role": "management", "aws:ec2launchtemplate:id": OTHER_LT},
    MEMBER_SMOKE: {**OURS, "aws:autoscaling:groupName": "blog-web", "ramped:role": "smoke"},
    MEMBER_MANAGEMENT: {**OURS, "aws:autoscaling:groupName": "shop-web", "ramped:role": "management"},
    "ami-ours": {"ramped:site": "www.example.com"},
    "ami-retired": {"ramped:site": "www.example.com", "ramped:retired": "2026-01-01T00:00:00Z"},
    "ami-theirs": {"ramped:site": "blog.example.com", "ramped:retired": "2026-01-01T00:00:00Z"},
    "snap-ours": {"ramped:site": "www.example.com"},
}
RULE = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/shop-lb/1/2/{}"
LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop-lb/1/2"
TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{}/1"
RULE_TAGS = {
    RULE.format("page"): {"ramped:maintenance": "on", "ramped:groups": "shop-web"},
    RULE.format("theirs"): {"ramped:maintenance": "on", "ramped:groups": "blog-web"},
    RULE.format("plain"): {},
    RULE.format("permanent"): {"ramped:groups": "shop-web"},
}
SITE_TAG = {"Key": "ramped:site", "Value": "www.example.com"}
SUBNETS = ("subnet-0123456789abcdef0",)


class Account:
    """An account with the sample's site, and with instances that are somebody else's."""

    partition, region, account = "aws", "eu-central-1", "111122223333"

    def tags(self, id: str) -> Mapping[str, str]:
        return TAGS.get(id, {})

    def group(self, name: str) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
        return f"arn:aws:autoscaling:eu-central-1:111122223333:autoScalingGroup:1-2:autoScalingGroupName/{name}", {}, SUBNETS

    def group_of(self, instance_id: str) -> str:
        return "shop-web" if instance_id == WEB else "blog-web"

    def balancing_tags(self, arn: str) -> Mapping[str, str]:
        return RULE_TAGS.get(arn, {})

    def template(self, reference: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        data = {
            "ImageId": "ami-ours",
            "InstanceType": "t3.small",
            "SecurityGroupIds": ["sg-0123456789abcdef0"],
            "IamInstanceProfile": {"Name": "shop-instance"},
            "KeyName": "spare",
            "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "web"}]}],
        }
        return str(reference["LaunchTemplateId"]), data

    def owner(self, image_id: str) -> str:
        return self.account

    def snapshots(self, image_id: str) -> tuple[str, ...]:
        return {"ami-retired": ("snap-ours",), "ami-theirs": ("snap-theirs",)}.get(image_id, ())

    def role(self, profile: Mapping[str, Any]) -> str:
        return f"arn:aws:iam::{self.account}:role/{profile['Name']}"


ACCOUNT = Account()


def allowed(call: str, **params: Any) -> bool:
    service, _, action = call.partition(":")
    return bool(authorize_all(POLICIES, requests(service, action, params, ACCOUNT)))


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("__", ":"), "Value": value} for key, value in pairs.items()]


def launch(template: str = LT, role: str | None = "smoke", **more: Any) -> dict[str, Any]:
    made = [{"ResourceType": "instance", "Tags": tags(ramped__role=role, Name="x")}] if role else []
    return {
        "LaunchTemplate": {"LaunchTemplateId": template, "Version": "3"},
        "SubnetId": SUBNETS[0],
        "TagSpecifications": made,
        **more,
    }


IMAGE = [{"ResourceType": kind, "Tags": tags(ramped__site="www.example.com", Name="x")} for kind in ("image", "snapshot")]


def group_tags(name: str, *keys: str) -> list[dict[str, Any]]:
    return [{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": "x"} for key in keys]


NOT_MANAGEMENT = (WEB, SMOKE, FOREIGN, FORGED, FORGED_MANAGEMENT, MEMBER_MANAGEMENT)

# A call, its parameters as they are allowed, and changes that make it reach beyond the site.
CASES: Sequence[tuple[str, dict[str, Any], Sequence[dict[str, Any]]]] = [
    (
        "ec2:TerminateInstances",
        {"InstanceIds": [SMOKE]},
        [{"InstanceIds": [id]} for id in (MANAGEMENT, FOREIGN, FORGED, MEMBER_SMOKE)],
    ),
    # Of the group, whose warm pool is emptied by this call.
    ("ec2:TerminateInstances", {"InstanceIds": [WEB]}, [{"InstanceIds": [id]} for id in (FOREIGN, FORGED, MEMBER_SMOKE)]),
    ("ec2:TerminateInstances", {"InstanceIds": [SMOKE]}, [{"InstanceIds": [SMOKE, FOREIGN]}]),
    *(
        (f"ec2:{action}", {"InstanceIds": [MANAGEMENT]}, [{"InstanceIds": [id]} for id in NOT_MANAGEMENT])
        for action in ("StartInstances", "StopInstances", "RebootInstances")
    ),
    (
        "ec2:AssociateAddress",
        {"InstanceId": MANAGEMENT, "AllocationId": "eipalloc-ours"},
        [*({"InstanceId": id} for id in NOT_MANAGEMENT), {"AllocationId": "eipalloc-theirs"}],
    ),
    ("ec2:GetConsoleOutput", {"InstanceId": WEB}, [{"InstanceId": FOREIGN}, {"InstanceId": FORGED}]),
    (
        "ec2:CreateImage",
        {"InstanceId": MANAGEMENT, "TagSpecifications": IMAGE},
        [*({"InstanceId": id} for id in NOT_MANAGEMENT), {"TagSpecifications": []}],
    ),
    (
        "ec2:CreateTags",
        {"Resources": [WEB], "Tags": tags(ramped__drained="x")},
        [
            {"Tags": tags(ramped__role="smoke")},
            {"Tags": tags(ramped__drained="x", ramped__role="smoke")},
            {"Tags": tags(Name="x")},
            {"Resources": [FOREIGN]},
        ],
    ),
    (
        "ec2:CreateTags",
        {"Resources": [MANAGEMENT], "Tags": tags(ramped__revision="x")},
        [*({"Resources": [id]} for id in NOT_MANAGEMENT), {"Tags": tags(ramped__revision="x", Name="x")}],
    ),
    ("ec2:CreateTags", {"Resources": [WEB], "Tags": tags(**{"ramped__host-key": "x"})}, [{"Resources": [FOREIGN]}]),
    (
        "ec2:CreateTags",
        {"Resources": ["ami-ours"], "Tags": tags(ramped__clean="yes")},
        [{"Resources": ["ami-theirs"]}, {"Tags": tags(ramped__site="blog")}],
    ),
    (
        "ec2:CreateTags",
        {"Resources": ["ami-ours"], "Tags": tags(ramped__outcome="served")},
        [{"Resources": ["ami-theirs"]}, {"Tags": tags(ramped__outcome="served", ramped__site="blog")}],
    ),
    (
        "ec2:DeleteTags",
        {"Resources": [WEB], "Tags": [{"Key": "ramped:drained"}]},
        [{"Tags": []}, {"Tags": [{"Key": "Name"}]}, {"Resources": [FOREIGN]}, {"Resources": [FOREIGN], "Tags": []}],
    ),
    ("ec2:CreateLaunchTemplateVersion", {"LaunchTemplateId": LT}, [{"LaunchTemplateId": OTHER_LT}]),
    (
        "ec2:RunInstances",
        launch(),
        [
            launch(OTHER_LT),
            launch(ImageId="ami-theirs"),
            launch(KeyName="mine"),
            launch(SubnetId="subnet-elsewhere"),
            launch(SecurityGroupIds=["sg-open"]),
            launch(IamInstanceProfile={"Name": "administrator"}),
            launch(role="something"),
            launch(BlockDeviceMappings=[{"Ebs": {"SnapshotId": "snap-theirs"}}]),
            {"LaunchTemplate": None},
        ],
    ),
    ("ec2:RunInstances", launch(role="management"), [launch(OTHER_LT, "management")]),
    ("ec2:RunInstances", launch(role=None, DryRun=True), [launch(OTHER_LT, None, DryRun=True)]),
    (
        "ec2-instance-connect:SendSSHPublicKey",
        {"InstanceId": WEB, "InstanceOSUser": "deploy"},
        [{"InstanceId": FOREIGN}, {"InstanceId": FORGED}, {"InstanceOSUser": "root"}],
    ),
    (
        "ssm:StartSession",
        {"Target": WEB, "DocumentName": "AWS-StartSSHSession"},
        [{"Target": FOREIGN}, {"Target": FORGED}, {"DocumentName": "AWS-StartPortForwardingSessionToRemoteHost"}],
    ),
    (
        "ssm:PutParameter",
        {"Name": "/ramped/shop-web/lock"},
        [{"Name": "/ramped/blog-web/lock"}, {"Name": "/ramped/shop-web2/lock"}],
    ),
    ("ssm:PutParameter", {"Name": "/ramped/shop-web/log"}, [{"Name": "/ramped/blog-web/log"}, {"Name": "/secret"}]),
    ("ssm:GetParameterHistory", {"Name": "/ramped/shop-web/log"}, [{"Name": "/ramped/blog-web/log"}, {"Name": "/secret"}]),
    ("ssm:PutParameter", {"Name": "/ramped/shop-web/record"}, [{"Name": "/ramped/blog-web/record"}, {"Name": "/secret"}]),
    ("ssm:GetParameter", {"Name": "/ramped/shop-web/record"}, [{"Name": "/ramped/blog-web/record"}, {"Name": "/secret"}]),
    ("ssm:GetParameter", {"Name": "/ramped/shop-web/lock:3"}, [{"Name": "/ramped/blog-web/lock"}, {"Name": "/secret"}]),
    (
        "rds:CreateDBSnapshot",
        {"DBInstanceIdentifier": "shop-db", "DBSnapshotIdentifier": "ramped-shop-db-1", "Tags": [SITE_TAG]},
        [
            {"DBInstanceIdentifier": "blog-db"},
            {"DBSnapshotIdentifier": "nightly"},
            {"Tags": [{"Key": "ramped:site", "Value": "blog.example.com"}]},
        ],
    ),
    (
        "rds:CreateDBClusterSnapshot",
        {"DBClusterIdentifier": "shop-db", "DBClusterSnapshotIdentifier": "ramped-shop-db-1", "Tags": [SITE_TAG]},
        [{"DBClusterIdentifier": "blog-db"}, {"DBClusterSnapshotIdentifier": "nightly"}],
    ),
    ("rds:DescribeDBSnapshots", {"DBInstanceIdentifier": "shop-db"}, [{"DBInstanceIdentifier": "blog-db"}]),
    ("rds:DescribeDBClusterSnapshots", {"DBClusterIdentifier": "shop-db"}, [{"DBClusterIdentifier": "blog-db"}]),
    (
        "autoscaling:UpdateAutoScalingGroup",
        {"AutoScalingGroupName": "shop-web", "LaunchTemplate": {"LaunchTemplateId": LT, "Version": "4"}, "MaxSize": 9},
        [
            {"AutoScalingGroupName": "blog-web"},
            {"LaunchTemplate": {"LaunchTemplateId": OTHER_LT, "Version": "1"}},
            {"VPCZoneIdentifier": "subnet-elsewhere"},
            {"LaunchConfigurationName": "old"},
        ],
    ),
    (
        "autoscaling:StartInstanceRefresh",
        {"AutoScalingGroupName": "shop-web", "DesiredConfiguration": {"LaunchTemplate": {"LaunchTemplateId": LT}}},
        [{"DesiredConfiguration": {"LaunchTemplate": {"LaunchTemplateId": OTHER_LT}}}],
    ),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", {"InstanceId": WEB}, [{"InstanceId": FOREIGN}]),
    (
        "autoscaling:CreateOrUpdateTags",
        {"Tags": group_tags("shop-web", "ramped:rollout", "ramped:returning")},
        [{"Tags": group_tags("shop-web", "ramped:role")}, {"Tags": group_tags("blog-web", "ramped:rollout")}, {"Tags": []}],
    ),
    (
        "autoscaling:DeleteTags",
        {"Tags": group_tags("shop-web", "ramped:maintenance")},
        [{"Tags": group_tags("shop-web", "Owner")}, {"Tags": group_tags("blog-web", "ramped:maintenance")}],
    ),
    *(
        (f"elbv2:{action}", {"TargetGroupArn": TARGETS.format("shop-tg")}, [{"TargetGroupArn": TARGETS.format("blog-tg")}])
        for action in ("RegisterTargets", "DeregisterTargets", "ModifyTargetGroup")
    ),
    (
        "elbv2:CreateRule",
        {"ListenerArn": LISTENER, "Tags": tags(ramped__maintenance="on", ramped__groups="shop-web")},
        [
            {"Tags": []},
            {"Tags": tags(ramped__groups="shop-web")},
            {"Tags": tags(ramped__maintenance="on", ramped__groups="blog-web")},
            {"ListenerArn": LISTENER.replace("shop-lb", "blog-lb")},
        ],
    ),
    *(
        (
            f"elbv2:{action}",
            {"RuleArn": RULE.format("page")},
            [{"RuleArn": RULE.format(name)} for name in ("theirs", "plain", "permanent")],
        )
        for action in ("ModifyRule", "DeleteRule")
    ),
    ("cloudfront:CreateInvalidation", {"DistributionId": "E2QWRUHAPOMQZL"}, [{"DistributionId": "EOTHER"}]),
    # Only images that were marked, of this site, and its snapshots are removed.
    (
        "ec2:DeregisterImage",
        {"ImageId": "ami-retired", "DeleteAssociatedSnapshots": True},
        [{"ImageId": "ami-ours"}, {"ImageId": "ami-theirs", "DeleteAssociatedSnapshots": False}],
    ),
    ("ec2:DeleteSnapshot", {"SnapshotId": "snap-ours"}, [{"SnapshotId": "snap-theirs"}]),
    *(
        (
            f"ec2:{action}",
            {"Resources": ["ami-ours"], "Tags": tags(ramped__retired="now")},
            [{"Resources": ["ami-theirs"]}, {"Tags": tags(ramped__site="blog")}],
        )
        for action in ("CreateTags", "DeleteTags")
    ),
]


@pytest.mark.parametrize(("call", "params", "beyond"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_what_is_the_sites_is_allowed_and_nothing_else(
    call: str, params: dict[str, Any], beyond: Sequence[dict[str, Any]]
) -> None:
    if params.get("Tags") == []:
        pytest.fail("a case without tags proves nothing")
    assert allowed(call, **params)
    for change in beyond:
        changed = {key: value for key, value in {**params, **change}.items() if value is not None}
        if requests(*call.split(":"), changed, ACCOUNT):
            assert not allowed(call, **changed), change


def test_sessions_are_used_and_ended_by_those_who_began_them_alone() -> None:
    mine = {"aws:userid": "AROAEXAMPLE:ci"}
    for name in ("ssm:TerminateSession", "ssm:ResumeSession", "ssmmessages:OpenDataChannel"):
        session = Names(ACCOUNT).arn("ssm", "session/AROAEXAMPLE:ci-0123")
        assert authorize(POLICIES, name, [session], mine)
        assert not authorize(POLICIES, name, [session], {"aws:userid": "AROAEXAMPLE:other"})
        assert not authorize(POLICIES, name, [session])
    assert data_channel("x-1", ACCOUNT).resource.endswith(":session/x-1")


def test_keys_of_the_customer_serve_ec2_alone() -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    policy = [published(FOLDER, "kms")]
    needed = list(encrypted_volumes(key, ACCOUNT, launch=True))
    assert {request.action for request in needed} == {
        action
        for statement in policy[0]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert authorize_all(policy, needed)
    assert authorize_all(policy, encrypted_volumes(key, ACCOUNT, launch=False))
    for request in needed:
        assert not authorize(policy, request.action, [request.resource], {})
        assert not authorize(
            policy, request.action, [request.resource], {**request.context, "kms:ViaService": "s3.eu-central-1.amazonaws.com"}
        )
        assert not authorize(policy, request.action, [key.replace("1234abcd", "0000abcd")], request.context)
    grant = needed[0]
    assert not authorize(policy, grant.action, [key], {**grant.context, "kms:GrantIsForAWSResource": "false"})


def test_an_instance_speaks_to_the_session_manager_and_to_nothing_else() -> None:
    policy = [published(FOLDER, "instance")]
    assert authorize(policy, "ssmmessages:CreateControlChannel")
    for action in ("ssm:GetParameter", "ec2:DescribeInstances", "s3:GetObject", "ec2messages:GetMessages"):
        assert not authorize(policy, action)


@pytest.mark.parametrize(
    ("name", "host", "audience", "subject", "others"),
    [
        (
            "trust-github",
            "token.actions.githubusercontent.com",
            "sts.amazonaws.com",
            "repo:example/shop:environment:production",
            [
                "repo:example/shop:pull_request",
                "repo:example/shop:environment:production-other",
                "repo:example/shop2:environment:production",
                "repo:evil/shop:environment:production",
            ],
        ),
        (
            "trust-gitlab",
            "gitlab.com",
            "https://gitlab.com",
            "project_path:example/shop:ref_type:branch:ref:main",
            ["project_path:example/shop:ref_type:branch:ref:feature", "project_path:evil/shop:ref_type:branch:ref:main"],
        ),
    ],
)
def test_only_the_jobs_of_the_project_get_the_role(name: str, host: str, audience: str, subject: str, others: list[str]) -> None:
    policy, provider = [published(FOLDER, name)], ("Federated", f"arn:aws:iam::111122223333:oidc-provider/{host}")

    def may(claim: str, heard: str = audience, who: tuple[str, str] = provider) -> bool:
        context = {f"{host}:aud": heard, f"{host}:sub": claim}
        return bool(authorize(policy, "sts:AssumeRoleWithWebIdentity", ["role"], context, principal=who))

    assert may(subject)
    assert not any(may(other) for other in others)
    assert not may(subject, "another")
    assert not may(subject, who=("Federated", "arn:aws:iam::111122223333:oidc-provider/elsewhere.example"))
    assert not authorize(policy, "sts:AssumeRoleWithWebIdentity", ["role"], {f"{host}:aud": audience}, principal=provider)


def test_each_policy_keeps_to_its_own_people() -> None:
    read = [published(FOLDER, "read")]
    for call, params, _ in CASES:
        asked = requests(*call.split(":"), params, ACCOUNT)
        if call.split(":")[1] not in ("GetConsoleOutput", "GetParameter", "GetParameterHistory"):
            assert not authorize_all(read, asked), call
    release = [published(FOLDER, name) for name in ("read", "connect", "release")]
    update = requests("autoscaling", "UpdateAutoScalingGroup", {"AutoScalingGroupName": "shop-web"}, ACCOUNT)
    assert not authorize_all(release, update)
    rollout = [published(FOLDER, name) for name in ("read", "rollout")]
    assert not authorize_all(rollout, requests("ec2", "CreateLaunchTemplateVersion", {"LaunchTemplateId": LT}, ACCOUNT))
    assert not authorize_all(rollout, [Request("ec2:StopInstances", Names(ACCOUNT).ec2("instance", MANAGEMENT))])


def beyond() -> Iterator[Request]:
    """Yield the requests of every change of every case, and some that no call of the table makes."""
    for call, params, changes in CASES:
        for change in changes:
            changed = {key: value for key, value in {**params, **change}.items() if value is not None}
            yield from requests(*call.split(":"), changed, ACCOUNT)
    names, group = Names(ACCOUNT), ACCOUNT.group("shop-web")[0]
    ours = {f"aws:ResourceTag/{key}": value for key, value in TAGS[MANAGEMENT].items()}
    checked = {f"ssm:resourceTag/{key}": value for key, value in TAGS[WEB].items()}
    yield Request("ec2:CreateTags", names.ec2("instance", MANAGEMENT), ours)
    yield Request("ec2:CreateTags", names.ec2("image", "ami-ours"), {"aws:ResourceTag/ramped:site": "www.example.com"})
    yield Request("autoscaling:DeleteTags", group)
    yield Request("ec2:AssociateAddress", names.ec2("elastic-ip", "eipalloc-theirs"))
    yield Request("ssm:StartSession", names.ec2("instance", WEB), {**checked, "ssm:SessionDocumentAccessCheck": "false"})
    yield Request("iam:PassRole", ACCOUNT.role({"Name": "shop-instance"}), {"iam:PassedToService": "lambda.amazonaws.com"})
    image, site = (
        names.ec2("image", "ami-theirs"),
        {"aws:TagKeys": ["ramped:site"], "aws:RequestTag/ramped:site": "www.example.com"},
    )
    yield Request("ec2:CreateTags", image, site)
    yield Request("ec2:CreateTags", image, {"ec2:CreateAction": "CreateImage", "aws:RequestTag/ramped:site": "blog"})
    yield Request("ec2:CreateTags", names.ec2("instance", WEB), {"aws:RequestTag/ramped:role": "smoke"})
    made = {"aws:RequestTag/ramped:maintenance": "on", "aws:RequestTag/ramped:groups": "shop-web"}
    yield Request("elasticloadbalancing:AddTags", RULE.format("plain"), made)


BEYOND = list(beyond())
CONDITIONS = [
    (number, statement["Sid"], operator, key)
    for number, policy in enumerate(POLICIES)
    for statement in policy["Statement"]
    for operator, keys in statement.get("Condition", {}).items()
    for key in keys
]


@pytest.mark.parametrize(
    ("number", "sid", "operator", "key"),
    CONDITIONS,
    ids=[f"{OPERATOR[n]}-{sid}-{operator}-{key}" for n, sid, operator, key in CONDITIONS],
)
def test_without_any_of_the_conditions_something_beyond_the_site_is_allowed(
    number: int, sid: str, operator: str, key: str
) -> None:
    weaker = copy.deepcopy(POLICIES[number])
    statement = next(one for one in weaker["Statement"] if one["Sid"] == sid)
    del statement["Condition"][operator][key]
    # Within one policy: where two allow the same, each must hold by itself.
    assert any(authorize_all([weaker], [one]) and not authorize_all([POLICIES[number]], [one]) for one in BEYOND)
