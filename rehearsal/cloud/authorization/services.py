"""What calls of Elastic Load Balancing, CloudFront, Systems Manager, CloudWatch, Service Quotas and STS need.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .evaluate import Request
from .facts import Facts, Names
from .tagging import Keys, of_request, of_resource, pairs

Params = Mapping[str, Any]

# Action -> the parameter that names its resource by ARN.
_BALANCING = {
    "DeregisterTargets": "TargetGroupArn",
    "RegisterTargets": "TargetGroupArn",
    "ModifyTargetGroup": "TargetGroupArn",
    "ModifyTargetGroupAttributes": "TargetGroupArn",
    "CreateRule": "ListenerArn",
    "ModifyRule": "RuleArn",
    "DeleteRule": "RuleArn",
}


def balancing(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of Elastic Load Balancing needs; None for an action that is not in this table."""
    if action.startswith("Describe"):
        return iter([Request(f"elasticloadbalancing:{action}")])
    return _on_balancing(action, params, facts) if action in _BALANCING else None


def _on_balancing(action: str, params: Params, facts: Facts) -> Iterator[Request]:
    arn = params[_BALANCING[action]]
    context = of_resource(facts.balancing_tags(arn), "elasticloadbalancing:ResourceTag")
    tags = of_request(pairs(params.get("Tags")))
    yield Request(f"elasticloadbalancing:{action}", arn, context | tags)
    if action == "CreateRule" and tags:
        rule = arn.replace(":listener/", ":listener-rule/", 1) + "/*"
        yield Request("elasticloadbalancing:AddTags", rule, tags | {"elasticloadbalancing:CreateAction": "CreateRule"})


def cloudfront(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of CloudFront needs; None for an action that is not in this table."""
    if action not in ("CreateInvalidation", "GetInvalidation", "ListInvalidations"):
        return None
    distribution = Names(facts).arn("cloudfront", f"distribution/{params['DistributionId']}", region=False)
    return iter([Request(f"cloudfront:{action}", distribution)])


def systems_manager(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of Systems Manager needs; None for an action that is not in this table."""
    names = Names(facts)
    if action in ("GetParameter", "GetParameterHistory", "PutParameter", "DeleteParameter"):
        # A selector of a version or label is no part of the resource.
        name = params["Name"].partition(":")[0].lstrip("/")
        keys: Keys = {"ssm:Overwrite": str(bool(params.get("Overwrite"))).lower()} if action == "PutParameter" else {}
        return iter([Request(f"ssm:{action}", names.arn("ssm", f"parameter/{name}"), keys)])
    if action == "StartSession":
        return _start_session(params, facts)
    if action in ("TerminateSession", "ResumeSession"):
        return iter([Request(f"ssm:{action}", names.arn("ssm", f"session/{params['SessionId']}"))])
    return None


def data_channel(session: str, facts: Facts) -> Request:
    """Return what the plugin needs to speak through a session, over its web socket."""
    return Request("ssmmessages:OpenDataChannel", Names(facts).arn("ssm", f"session/{session}"))


def _start_session(params: Params, facts: Facts) -> Iterator[Request]:
    names, target = Names(facts), params["Target"]
    tags = of_resource(facts.tags(target), "ssm:resourceTag")
    checked = {"ssm:SessionDocumentAccessCheck": "true"}
    yield Request("ssm:StartSession", names.ec2("instance", target), tags | checked)
    document = params.get("DocumentName", "SSM-SessionManagerRunShell")
    # AWS's own documents have no account.
    arn = names.arn("ssm", f"document/{document}", account=not document.startswith("AWS-"))
    yield Request("ssm:StartSession", arn, {"ssm:SessionDocumentAccessCheck": "true"})


def cloudwatch(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of CloudWatch needs; None for an action that is not in this table."""
    if action == "GetMetricData":
        return iter([Request("cloudwatch:GetMetricData")])
    if action != "DescribeAlarms":
        return None
    return iter([Request("cloudwatch:DescribeAlarms", Names(facts).arn("cloudwatch", "alarm:*"))])


def tokens(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of STS needs; GetCallerIdentity is never denied."""
    if action == "GetCallerIdentity":
        return iter(())
    return iter([Request("sts:AssumeRole", params["RoleArn"])]) if action == "AssumeRole" else None


def quotas(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of Service Quotas needs; None for an action that is not in this table."""
    return iter([Request(f"servicequotas:{action}")]) if action == "GetServiceQuota" else None


def databases(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of RDS needs; None for an action that is not in this table."""
    kind = "cluster" if "Cluster" in action else "db"
    shown = "cluster-snapshot" if kind == "cluster" else "snapshot"
    names, own = Names(facts), params.get("DBClusterIdentifier") or params.get("DBInstanceIdentifier") or "*"
    if action in ("DescribeDBSnapshots", "DescribeDBClusterSnapshots"):
        # Of one database: both its ARN and those of its snapshots are asked for.
        return iter([Request(f"rds:{action}", names.arn("rds", f"{kind}:{own}"))])
    if action not in ("CreateDBSnapshot", "CreateDBClusterSnapshot"):
        return None
    tags = of_request(pairs(params.get("Tags")))
    made = names.arn("rds", f"{shown}:{params.get('DBClusterSnapshotIdentifier') or params.get('DBSnapshotIdentifier')}")
    found = [Request(f"rds:{action}", names.arn("rds", f"{kind}:{own}"), tags), Request(f"rds:{action}", made, tags)]
    return iter([*found, *([Request("rds:AddTagsToResource", made, tags)] if tags else [])])
