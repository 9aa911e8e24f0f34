"""RDS: a snapshot is made in a while, of what there is, under a name that RDS takes."""

from tests.rehearsal.standin import Cloud, refused


def database(cloud: Cloud, name: str = "shop") -> None:
    rds = cloud.client("rds")
    rds.create_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20)


def status(cloud: Cloud, name: str) -> str:
    (shown,) = cloud.client("rds").describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    return str(shown["Status"])


def test_a_snapshot_is_created_in_a_while_and_keeps_its_tags(cloud: Cloud) -> None:
    database(cloud)
    tags = [{"Key": "ramped:revision", "Value": "c0ffee"}]
    made = cloud.client("rds").create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="first", Tags=tags)
    assert (made["DBSnapshot"]["Status"], made["DBSnapshot"]["TagList"]) == ("creating", tags)
    cloud.wait(lambda: status(cloud, "first") == "available")
    cloud.control("options", {"database_snapshots_fail": True})
    cloud.client("rds").create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="second")
    cloud.wait(lambda: status(cloud, "second") == "failed")


def test_what_rds_refuses_is_refused(cloud: Cloud) -> None:
    database(cloud)
    create = cloud.client("rds").create_db_snapshot
    assert refused(create, DBInstanceIdentifier="none", DBSnapshotIdentifier="a")[0] == "DBInstanceNotFound"
    for name in ("two--hyphens", "1first", "last-"):
        assert refused(create, DBInstanceIdentifier="shop", DBSnapshotIdentifier=name)[0] == "InvalidParameterValue"
    create(DBInstanceIdentifier="shop", DBSnapshotIdentifier="a")
    assert refused(create, DBInstanceIdentifier="shop", DBSnapshotIdentifier="a")[0] == "DBSnapshotAlreadyExists"
