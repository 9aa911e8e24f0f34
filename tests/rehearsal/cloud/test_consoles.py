"""Consoles as GetConsoleOutput shows them: posted late, kept for a while, live on request."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused


def launch(cloud: Cloud, kind: str = "t3.small") -> str:
    subnet = cloud.build_network(1)[1][0]
    made = cloud.client("ec2").run_instances(
        ImageId=cloud.build_image(), InstanceType=kind, SubnetId=subnet, MinCount=1, MaxCount=1
    )
    return str(made["Instances"][0]["InstanceId"])


def shown(cloud: Cloud, instance: str, **more: Any) -> str:
    return str(cloud.client("ec2").get_console_output(InstanceId=instance, **more).get("Output", ""))


def test_what_was_printed_is_posted_minutes_later_and_kept_for_an_hour(cloud: Cloud) -> None:
    cloud.control("options", {"console_posted": 600, "console_kept": 3600})
    instance = launch(cloud)
    assert "Output" not in cloud.client("ec2").get_console_output(InstanceId=instance)
    assert shown(cloud, instance, Latest=True) == cloud.hosts.console(instance) != ""
    cloud.control("advance", {"seconds": 600})
    cloud.wait(lambda: shown(cloud, instance) == cloud.hosts.console(instance))
    cloud.control("advance", {"seconds": 3601})
    cloud.wait(lambda: shown(cloud, instance) == "")


def test_a_reboot_is_posted_again(cloud: Cloud) -> None:
    cloud.control("options", {"console_posted": 600})
    instance = launch(cloud)
    cloud.control("advance", {"seconds": 600})
    cloud.wait(lambda: "boot 1" in shown(cloud, instance))
    cloud.client("ec2").reboot_instances(InstanceIds=[instance])
    assert "boot 2" in cloud.hosts.console(instance)
    assert "boot 2" not in shown(cloud, instance)
    cloud.control("advance", {"seconds": 600})
    cloud.wait(lambda: "boot 2" in shown(cloud, instance))


def test_the_console_of_a_terminated_instance_can_still_be_read(cloud: Cloud) -> None:
    instance = launch(cloud)
    printed = shown(cloud, instance)
    cloud.client("ec2").terminate_instances(InstanceIds=[instance])
    assert cloud.hosts.console(instance) == ""
    assert shown(cloud, instance) == printed != ""


@pytest.mark.parametrize("kind", ["t2.micro", "m1.small"])
def test_only_nitro_types_show_the_latest(cloud: Cloud, kind: str) -> None:
    instance = launch(cloud, kind)
    assert refused(cloud.client("ec2").get_console_output, InstanceId=instance, Latest=True)[0] == "UnsupportedOperation"
    assert instance in shown(cloud, instance)


def test_only_the_last_64_kb_are_shown(cloud: Cloud) -> None:
    instance = launch(cloud)
    cloud.hosts._machines[instance].lines.extend(f"line {number:05d}" for number in range(10_000))
    assert len(shown(cloud, instance)) == 64 * 1024
    assert shown(cloud, instance).endswith("line 09999\n")
    assert len(shown(cloud, instance, Latest=True)) == 64 * 1024


def test_a_message_of_the_kernel_may_cut_a_key(cloud: Cloud) -> None:
    instance = launch(cloud)
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm1b9 root@host"
    cloud.hosts._machines[instance].lines.append(key)
    assert key in shown(cloud, instance)
    cloud.control("options", {"console_noise": 1.0})
    printed = shown(cloud, instance)
    assert key not in printed and "] random: crng init done\n" in printed
    assert key in printed.replace("[   12.345678] random: crng init done\n", "")
