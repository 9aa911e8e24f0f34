"""What prune-images may remove: over any graph of references, nothing that is in use."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release.image_pruning import (
    Plan,
    SiteImage,
    SiteSnapshot,
    TemplateVersion,
    Use,
    epoch,
    of_versions,
    orphans,
    plan,
)

NOW = epoch("2026-11-27T00:00:00.000Z")
IDS = [f"ami-{n:02x}" for n in range(12)]
SNAPSHOTS = [f"snap-{n:02x}" for n in range(8)]

images = st.builds(
    SiteImage,
    id=st.sampled_from(IDS),
    created=st.sampled_from([f"2026-{month:02}-{day:02}T12:00:00.000Z" for month in (1, 11) for day in (1, 2, 25, 26)]),
    revision=st.just("c" * 40),
    state=st.sampled_from(["available", "available", "pending", "failed"]),
    # Few snapshots: several images share some, as copies and images of copies do.
    snapshots=st.lists(st.sampled_from(SNAPSHOTS), max_size=2, unique=True).map(tuple),
    gib=st.integers(0, 100),
    finished=st.booleans(),
    retired=st.booleans(),
    ours=st.sampled_from([True, True, True, False]),
)
fleets = st.lists(images, max_size=10, unique_by=lambda image: image.id)
uses = st.lists(
    st.builds(
        Use,
        what=st.sampled_from(["an instance", "a group", "a warm pool", "a rollout"]),
        images=st.frozensets(st.sampled_from([*IDS, "ami-other"]), max_size=2),
        snapshots=st.frozensets(st.sampled_from(SNAPSHOTS), max_size=1),
    ),
    max_size=6,
)


@given(fleets, uses, st.integers(1, 4))
def test_nothing_in_use_and_nothing_new_is_removed(found: list[SiteImage], used: list[Use], newest: int) -> None:
    decided = plan(found, used, newest=newest, now=NOW)
    by_id = {image.id: image for image in found}
    assert {*decided.kept, *decided.removed} == set(by_id)
    assert not set(decided.kept) & set(decided.removed)
    for id in decided.removed:
        image = by_id[id]
        assert not any(id in use.images or set(image.snapshots) & use.snapshots for use in used)
        assert image.state != "pending" and image.ours
        later = [i for i in found if i.ours and i.finished and i.state == "available" and (i.created, i.id) > (image.created, id)]
        assert len(later) >= newest or not (image.finished and image.state == "available")
    assert set(decided.back) == {id for id in decided.kept if by_id[id].retired}


@given(fleets, uses, uses, st.integers(1, 4))
def test_a_further_use_never_removes_more(found: list[SiteImage], used: list[Use], more: list[Use], newest: int) -> None:
    before = plan(found, used, newest=newest, now=NOW)
    assert set(plan(found, [*used, *more], newest=newest, now=NOW).removed) <= set(before.removed)
    assert set(plan(found, used, newest=newest + 1, now=NOW).removed) <= set(before.removed)


@given(fleets, uses, st.integers(1, 4), st.data())
def test_a_run_that_dies_anywhere_is_completed_by_the_next(
    found: list[SiteImage], used: list[Use], newest: int, data: st.DataObject
) -> None:
    """Marks and removals in order, cut off anywhere, then again from what is left: the end is the same."""
    first = plan(found, used, newest=newest, now=NOW)
    writes = [*(("mark", id) for id in first.removed), *(("remove", id) for id in first.removed)]
    done = writes[: data.draw(st.integers(0, len(writes)))]
    left = [replace(i, retired=i.retired or ("mark", i.id) in done) for i in found if ("remove", i.id) not in done]
    second = plan(left, used, newest=newest, now=NOW)
    assert {i.id for i in left} - set(second.removed) == set(first.kept)
    after = plan([i for i in left if i.id in second.kept], used, newest=newest, now=NOW)
    assert after.removed == ()


def test_reasons_are_those_of_people() -> None:
    old, young = "2026-01-01T00:00:00.000Z", "2026-11-26T23:00:00.000Z"
    base = SiteImage("ami-00", old, "c" * 40, "available", ("snap-00",), 8, finished=True)
    found = [
        base,
        replace(base, id="ami-01", snapshots=("snap-01",), finished=False),
        replace(base, id="ami-02", snapshots=(), finished=False, created=young),
        replace(base, id="ami-03", snapshots=(), state="pending"),
        replace(base, id="ami-04", snapshots=(), created=young),
    ]
    decided = plan(found, [Use("i-1 boots from it", snapshots=frozenset({"snap-00"}))], newest=1, now=NOW)
    assert decided == Plan(
        {
            "ami-00": "i-1 boots from it",
            "ami-03": "is being made",
            "ami-02": "its bake may still run",
            "ami-04": "one of the newest 1",
        },
        ("ami-01",),
    )


versions = st.lists(
    st.builds(
        TemplateVersion,
        template=st.sampled_from(["lt-ours", "lt-theirs"]),
        number=st.sampled_from(["1", "2", "3"]),
        ours=st.booleans(),
        image=st.sampled_from(IDS),
        snapshots=st.frozensets(st.sampled_from(SNAPSHOTS), max_size=1),
    ),
    max_size=6,
)


@given(versions, st.dictionaries(st.tuples(st.just("lt-ours"), st.sampled_from(["1", "2", "3"])), st.just("why"), max_size=3))
def test_only_old_versions_of_ours_in_our_templates_need_nothing(
    found: list[TemplateVersion], named: dict[tuple[str, str], str]
) -> None:
    needed = {(id, use.what) for use in of_versions(found, {"lt-ours"}, named) for id in use.images}
    for version in found:
        counts = version.template == "lt-theirs" or not version.ours or (version.template, version.number) in named
        reason = named.get((version.template, version.number))
        assert not counts or any(id == version.image and (reason is None or what == reason) for id, what in needed)
    assert {id for id, _ in needed} <= {
        v.image for v in found if v.template == "lt-theirs" or not v.ours or (v.template, v.number) in named
    }


def test_a_snapshot_without_image_goes_once_nobody_can_be_making_its_image() -> None:
    old = SiteSnapshot("snap-00", NOW - 90000, "completed", "Created by CreateImage(i-1) for ami-00", 8)
    young = replace(old, started=NOW - 60)
    assert orphans([old], (), (), (), now=NOW) == ("snap-00",)
    assert orphans([young], (), (), (), now=NOW) == ()
    assert orphans([replace(old, state="pending")], (), (), (), now=NOW) == ()
    assert orphans([old], (), {"ami-00"}, (), now=NOW) == ()
    for other in ("", "nightly of the database", "Copied for DestinationAmi ami-00 from SourceAmi ami-01", "before ami-00"):
        assert orphans([replace(old, description=other)], (), (), (), now=NOW) == (), "tagged by somebody else"
    assert orphans([old], {"snap-00"}, (), (), now=NOW) == ()
    assert orphans([old], (), (), [Use("a version", snapshots=frozenset({"snap-00"}))], now=NOW) == ()


def test_times_of_ec2() -> None:
    assert epoch("2026-11-27T00:00:01.000Z") == NOW + 1
    assert epoch("") == 0.0
