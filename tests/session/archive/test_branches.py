"""Whatever is asked, asked again and looked at, in any order: the file holds every answer at its place."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from spectui.record.events import Cleared, Resumed
from spectui.session.archive.archive import Archive

from .told import READY, said

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from("abc")),
        st.tuples(st.just("fail"), st.sampled_from("abc")),
        st.tuples(st.just("again"), st.just("")),
        st.tuples(st.just("edit"), st.integers(0, 4)),
        st.tuples(st.just("beside"), st.tuples(st.integers(0, 4), st.sampled_from((-1, 1)))),
        st.tuples(st.just("resume"), st.just("")),
        st.tuples(st.just("new"), st.just("")),
    ),
    max_size=14,
)


@dataclass
class Place:
    """An answer and what was asked after it."""

    question: str = ""
    text: str = ""
    parent: "Place | None" = None
    after: "list[Place]" = field(default_factory=list)

    @property
    def path(self):
        return [*self.parent.path, (self.question, self.text)] if self.parent else []

    @property
    def newest(self):
        return self.after[-1].newest if self.after else self


@given(OPERATIONS)
def test_the_file_holds_what_a_tree_would_hold(operations):
    kept = Archive(None, lambda note: (_ for _ in ()).throw(AssertionError(note)))
    kept.start()
    kept.put(READY)
    here, count = Place(), 0

    def answer(question, before, reason="eos"):
        nonlocal here, count
        count += 1
        base = here
        while len(base.path) > before:
            base = base.parent
        for record in said(question, f"answer {count}", before, reason=reason):
            kept.put(record)
        here = base
        if reason != "error":
            here = Place(question, f"answer {count}", base)
            base.after.append(here)

    try:
        for what, how in operations:
            path = here.path
            match what:
                case "ask":
                    answer(how, len(path))
                case "fail":
                    answer(how, len(path), "error")
                case "again" if path:
                    answer(path[-1][0], len(path) - 1)
                case "edit" if how < len(path):
                    answer(f"edited {count}", how)
                case "beside" if how[0] < len(path):
                    number, by = how
                    at = here
                    while len(at.path) > number + 1:
                        at = at.parent
                    others = at.parent.after
                    to = others.index(at) + by
                    found = kept.branch(kept.place[1][number], by)
                    if 0 <= to < len(others):
                        here = others[to].newest
                        assert found.turns[number].of == len(others)
                        kept.put(Resumed(found.id, found.answers))
                    else:
                        assert found is None
                case "resume" if kept.place[0]:
                    found = kept.archived(kept.place[0])
                    kept.put(Resumed(found.id, found.answers))
                case "new":
                    kept.put(Cleared())
                    here = Place()
            if here.path:
                now = kept.archived(kept.place[0])
                assert [(turn.question, turn.text) for turn in now.turns] == here.path
                assert now.answers == kept.place[1]
    finally:
        assert kept.close(20)
