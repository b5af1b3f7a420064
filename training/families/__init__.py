"""The one registry of families: what each asks, how much of the corpus it gets, how its answers are judged."""

from collections.abc import Callable
from dataclasses import dataclass

from ..judge import Judge, same_data, same_program, same_result, same_text, tells_a_story
from ..task import Turn
from ..words import Words
from .code import edit_code, explain_code, write_code
from .copying import altered, copy, echo, replace, rewrite
from .drills import drill
from .extract import extract, lookup, mention
from .lists import lists
from .records import records
from .story import story
from .subject import UNSEEN_WRAPPINGS, general, subject, talk
from .sums import sums, word_problem
from .translate import translate


@dataclass(frozen=True)
class Family:
    """A kind of task.

    ``weight`` is its share of a corpus that does not say otherwise; ``least`` is the share of right answers that is
    asked for, where one is. ``unseen`` makes tasks in words never used in training, where the tasks themselves are few.
    """

    make: Callable[[Words], list[Turn]]
    weight: float
    judge: Judge = same_text
    least: float | None = None
    can_follow: float = 0.08
    unseen: Callable[[Words], list[Turn]] | None = None


FAMILIES: dict[str, Family] = {
    "subject": Family(subject, 14, least=0.8, can_follow=0.3, unseen=lambda words: subject(words, UNSEEN_WRAPPINGS)),
    "talk": Family(talk, 7, can_follow=0.2, unseen=lambda words: talk(words, UNSEEN_WRAPPINGS)),
    "general": Family(general, 7, can_follow=0.3, unseen=lambda words: general(words, UNSEEN_WRAPPINGS)),
    "extract": Family(extract, 11, least=0.9),
    "mention": Family(mention, 4),
    "lookup": Family(lookup, 5),
    "echo": Family(echo, 5, least=0.9),
    "copy": Family(copy, 5, least=0.9),
    "rewrite": Family(rewrite, 12, least=0.9),
    "list": Family(lists, 9),
    "records": Family(records, 8, same_data, least=0.9),
    "sums": Family(sums, 10, same_result, least=0.8, can_follow=0.02),
    "word problem": Family(word_problem, 8, same_result, least=0.8, can_follow=0.02),
    "write code": Family(write_code, 5, same_program, unseen=lambda words: write_code(words, UNSEEN_WRAPPINGS)),
    "code edit": Family(edit_code, 10, same_program, least=0.9),
    "explain code": Family(explain_code, 2),
    "story": Family(story, 5, tells_a_story),
    "translate": Family(translate, 8, can_follow=0.04),
    "drill": Family(drill, 0),
    "replace": Family(replace, 0),
    "altered": Family(altered, 0),
}
