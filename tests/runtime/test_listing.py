from tasks.runtime.listing import grouped


def test_commands_stand_under_their_groups_and_others_last() -> None:
    pairs = [("abort", "End."), ("mine", None), ("ship", "Release."), ("status", "Show.")]
    assert grouped(pairs, {"release": ["ship", "gone"], "fleet": ["status", "abort"], "empty": ["gone"]}) == [
        *(("release", None), ("  ship", "Release.")),
        *(("fleet", None), ("  status", "Show."), ("  abort", "End.")),
        *(("others", None), ("  mine", None)),
    ]
