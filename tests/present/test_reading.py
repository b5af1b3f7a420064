"""Steps in reading order."""

from spectui.present.reading import Refused, read_step

from ..tui.records import chain, random_steps, step


def told(record):
    return [(slot.kind, slot.text, [record.nodes[one.node] for one in slot.refused]) for slot in read_step(record)]


def test_a_chain_is_told_position_by_position():
    record = chain(0, [" the", " sum"], [" x", " y", " z"], " minus")
    assert told(record) == [
        ("accepted", " the", []),
        ("accepted", " sum", []),
        ("correction", " minus", [" x"]),
    ]
    assert read_step(record)[2].refused == (Refused(2, (3, 4)),)


def test_in_a_tree_each_refused_token_stands_where_it_was_refused():
    record = step(
        0,
        [
            (" a", -1, "rejected"),
            (" b", -1, "accepted"),
            (" a1", 0, "unreached"),
            (" b1", 1, "rejected"),
            (" b2", 1, "rejected"),
            (" a2", 0, "unreached"),
            (" a11", 2, "unreached"),
        ],
        [(" b", "accepted"), (" c", "correction")],
    )
    assert told(record) == [("accepted", " b", [" a"]), ("correction", " c", [" b1", " b2"])]
    below = read_step(record)[0].refused[0].below
    assert [record.nodes[node] for node in below] == [" a1", " a11", " a2"]


def test_without_drafts_there_is_one_slot():
    assert told(step(0, [], [(" a", "target")])) == [("target", " a", [])]


def test_what_the_end_cut_stands_after_what_was_emitted():
    drafted = [(" a", -1, "accepted"), (" b", 0, "cut"), (" c", 1, "cut"), (" d", 2, "rejected")]
    assert told(step(0, drafted, [(" a", "accepted")])) == [
        ("accepted", " a", []),
        ("cut", " b", []),
        ("cut", " c", []),
        (None, "", [" d"]),
    ]


def test_every_emitted_token_and_every_rejected_one_is_told_once():
    for record in random_steps(200):
        slots = read_step(record)
        assert tuple(slot.text for slot in slots if slot.kind) == record.emitted
        refused = [one for slot in slots for one in slot.refused]
        fates = [node.fate for node in record.step.nodes]
        assert len(refused) == fates.count("rejected")
        assert sum(len(one.below) for one in refused) == fates.count("unreached")
