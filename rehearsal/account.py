"""What an operator finds in the stand-in cloud's account: a network, a balancer, an empty fleet, a CDN."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .host_kinds import PROCESSES, Kind
from .sandbox import REGION

DOMAIN, GROUP = "shop.example.com", "shop-web"
JOBS = "shop-jobs"  # the group of workers
CHECK = {"interval": 10, "timeout": 5, "healthy": 3, "unhealthy": 2, "drain": 30}  # AWS seconds and counts


def own_template(template: str) -> dict[str, Any]:
    """Return the parameters of CreateAutoScalingGroup with which a group launches version 1 of a template."""
    return {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"}}


def named_template(group: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the launch template and version that a group names, in a mixed-instances policy too."""
    policy = group.get("MixedInstancesPolicy")
    named: Mapping[str, Any] = policy["LaunchTemplate"]["LaunchTemplateSpecification"] if policy else group["LaunchTemplate"]
    return named


@dataclass(frozen=True)
class Account:
    """Build the account's resources with boto3; `client` makes a client of a service, `octet` is the N of all addresses."""

    client: Callable[[str], Any]
    octet: int
    kind: Kind = PROCESSES
    public: bool = False  # instances have public addresses too
    launches: Callable[[str], dict[str, Any]] = own_template  # the parameters of the group that name its template, by its id
    domain: str = DOMAIN

    def image(self) -> str:
        """Register the first image and return its id; its disk is given by the control endpoint."""
        return str(self.client("ec2").register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"])

    def released(self, image: str, name: str, revision: str) -> None:
        """Tag an image as `bake-ami` does, with the site's name for images: the operator may record outcomes at no others."""
        own = {"ramped:site": name, "ramped:revision": revision}
        tags = [{"Key": key, "Value": value} for key, value in own.items()]
        self.client("ec2").create_tags(Resources=[image], Tags=tags)

    def fleet(self, image: str, revision: str | None = None) -> None:
        """Make the network, the balancer and a group of no instances that would boot the image, which holds a revision."""
        ec2, elb = self.client("ec2"), self.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock=f"{self.kind.base(self.octet)}.0.0/16")["Vpc"]["VpcId"]
        subnets = [self._subnet(ec2, vpc, number, zone) for number, zone in enumerate("abc", 1)]
        target_group = self._target_group(elb, vpc)
        balancer = elb.create_load_balancer(Name=GROUP, Subnets=subnets, Type="application")["LoadBalancers"][0]
        forward = [{"Type": "forward", "TargetGroupArn": target_group}]
        elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=forward)
        data = {"ImageId": image, "InstanceType": "t3.small"}
        # As `bake-ami` describes its versions: such a one can be rolled back to.
        said = {"VersionDescription": f"ramped {revision} {image}"} if revision else {}
        made = ec2.create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData=data, **said)
        template = made["LaunchTemplate"]
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            MinSize=0,
            MaxSize=50,
            DesiredCapacity=0,
            VPCZoneIdentifier=",".join(subnets),
            TargetGroupARNs=[target_group],
            HealthCheckType="ELB",
            HealthCheckGracePeriod=600,
            **self.launches(template["LaunchTemplateId"]),
        )

    def jobs(self) -> None:
        """Make a group of no workers beside the other: of the same template, with a tag that names the role of its instances."""
        scaling = self.client("autoscaling")
        web = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=JOBS,
            MinSize=0,
            MaxSize=50,
            DesiredCapacity=0,
            VPCZoneIdentifier=web["VPCZoneIdentifier"],
            Tags=[{"Key": "ramped:role", "Value": "worker", "PropagateAtLaunch": True}],
            **self.launches(named_template(web)["LaunchTemplateId"]),
        )

    def _subnet(self, ec2: Any, vpc: str, number: int, zone: str) -> str:
        block = f"{self.kind.base(self.octet)}.{number}.0/24"
        subnet = str(ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"])
        if self.public:
            ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        return subnet

    def _target_group(self, elb: Any, vpc: str) -> str:
        made = elb.create_target_group(
            Name=GROUP,
            Protocol="HTTP",
            Port=self.kind.http_port,
            VpcId=vpc,
            HealthCheckPath=f"/health_check/{self.domain}",
            HealthCheckIntervalSeconds=CHECK["interval"],
            HealthCheckTimeoutSeconds=CHECK["timeout"],
            HealthyThresholdCount=CHECK["healthy"],
            UnhealthyThresholdCount=CHECK["unhealthy"],
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(CHECK["drain"])}
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def distribution(self) -> str:
        """Make the CDN's distribution and return its id."""
        ports = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
        origin = {"Id": "balancer", "DomainName": "balancer.example.com", "CustomOriginConfig": ports}
        made = self.client("cloudfront").create_distribution(
            DistributionConfig={
                "CallerReference": "static-files",
                "Comment": "static files",
                "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": {"TargetOriginId": "balancer", "ViewerProtocolPolicy": "allow-all"},
            }
        )
        return str(made["Distribution"]["Id"])
