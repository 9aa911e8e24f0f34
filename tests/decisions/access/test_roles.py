"""Who runs the jobs that run once, and what would make too many do."""

from tasks.decisions.access.roles import hidden, metadata, passed_on, tags_of, unfit

MANAGEMENT = "ramped:role=management"


def tagged(**tags: str) -> dict[str, object]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    volume = {"ResourceType": "volume", "Tags": [{"Key": "of a volume", "Value": ""}]}
    return {"TagSpecifications": [volume, {"ResourceType": "instance", "Tags": pairs}]}


def test_only_the_tags_of_instances_count() -> None:
    assert tags_of(tagged(a="b")) == {"a": "b"} and tags_of({}) == {}


def test_the_options_of_the_template_stay_and_tags_are_shown() -> None:
    data = {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "State": "applied"}}
    there = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "InstanceMetadataTags": "enabled"}
    assert metadata(data, {"ramped:role": "management"}) == there
    assert metadata({}, {"Name": "x"}) == {"InstanceMetadataTags": "enabled"}


def test_a_key_with_which_ec2_launches_nothing_is_named() -> None:
    for key in ("cost centre", "team/web", ".", "_index"):
        assert metadata({}, {key: ""}) is None
    assert metadata(tagged(**{"a b": ""}), {}) is None
    assert unfit(["ok", "a b", "c/d"]).startswith("tags a b, c/d: ")
    assert "--instance-id i-1 --instance-metadata-tags enabled" in hidden("i-1")


def test_a_fleet_of_management_instances_is_refused() -> None:
    role = {"ramped:role": "management"}
    for found in (passed_on(tagged(**role), (), MANAGEMENT), passed_on({}, role.items(), MANAGEMENT)):
        assert found == [
            "its instances are tagged ramped:role=management, so each would run the jobs that must run once: remove the tag"
        ]
    assert passed_on(tagged(**role), {"ramped:role": "web"}.items(), MANAGEMENT) == []
    assert passed_on(tagged(team="web"), (), MANAGEMENT) == passed_on({}, (), MANAGEMENT) == []


def test_tags_that_keep_the_group_from_launching_are_named() -> None:
    shows = {"MetadataOptions": {"InstanceMetadataTags": "enabled"}}
    (found,) = passed_on({**tagged(**{"a b": ""}), **shows}, {"c/d": ""}.items(), MANAGEMENT)
    assert "with the tags a b, c/d that shows its tags" in found
    assert passed_on(tagged(**{"a b": ""}), (), MANAGEMENT) == []
