"""Every word and number on a screen, in a table or on a page, with its definition in one line: the only source of them.

The help, ``docs/reference/glossary.md`` and a test read it; nothing that is shown may be without an entry.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..record.metrics import LOOPING
from .answer_line import TIED
from .grid import MARKS
from .token_looks import LOOKS

Group = Literal["Tokens", "Words", "Numbers", "Signs"]
GROUPS: tuple[Group, ...] = ("Tokens", "Words", "Numbers", "Signs")


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a number."""

    name: str
    group: Group
    meaning: str
    """One line."""
    shown: tuple[str, ...] = ()
    """Other ways in which it is written somewhere."""


TERMS: tuple[Term, ...] = (
    *(Term(look.word, "Tokens", look.meaning, (look.mark,)) for look in LOOKS.values()),
    Term("token", "Words", "a piece of text that the model reads and writes: a word, a part of a word, a sign",
         ("tokens",)),
    Term("target", "Words", "the model that you talk to"),
    Term("draft model", "Words", "a small model with the same tokenizer that guesses for the target"),
    Term("drafter", "Words", "whatever proposes tokens: a draft model, or a method that copies"),
    Term("draft", "Words", "tokens that were proposed for the target to check; in times, what proposing them took",
         ("drafts", "not drafting", "drafted", "drafting", "nothing is drafted")),
    Term("prefill", "Words", "the pass over the prompt, which gives the first token of the answer"),
    Term("step", "Words", "one pass of the target after the prefill: it checks a draft and gives at least one token",
         ("steps", "without the first")),
    Term("pending token", "Words", "the last token of the text; the next step begins with it", ("the root",)),
    Term("node", "Words", "one drafted token in a draft tree", ("nodes",)),
    Term("check", "Words", "the target's pass over the draft, which verifies all of it at once; in times, what it took",
         ("verify",)),
    Term("commit", "Words", "keeping what was accepted in the target's cache; in times, what it took"),
    Term("other", "Words", "everything else in a step: choosing tokens, policy, waiting for threads"),
    Term("rest", "Words", "of a step's time, all that is neither draft nor check: commit and other"),
    Term("n-gram", "Words", "n tokens in a row; 3-gram ×2 is a copy of what stood twice behind such three tokens",
         ("gram", "-gram", "copied from")),
    Term("guess", "Words", "a token from the target's own last scores, by its rank", ("rank", "guessed")),
    Term("prompt", "Words", "what the model has read and written so far; as a source, a copy from there"),
    Term("datastore", "Words", "texts from before, in which drafts are looked up"),
    Term("branch", "Words", "tokens drafted beyond a draft while the target checks it",
         ("branches", "meanwhile, after")),
    Term("lane", "Words", "one method in a race, a bench or a replay"),
    Term("server", "Words", "a program that answers over the network and drafts, or not, as it was started"),
    Term("piece", "Words", "the text that a server sent at once; in a replay of its answer it counts as a step"),
    Term("peer", "Words", "another program in the bench, such as transformers' own generate"),
    Term("plain decoding", "Words", "autoregressive decoding, the mode ar: one token a pass, nothing drafted",
         ("plain", "AR", "reference")),
    Term("tape", "Words", "the latest step in one row: each token with its mark"),
    Term("pinned", "Words", "a step that somebody has chosen; it stays on show"),
    Term("replay", "Words", "a recorded answer or race, played again without its models"),
    Term("inspect", "Words", "one step in full: its tree, what the target wanted, what it cost"),
    Term("live", "Words", "the answer that is being written now; held stands still before its next step", ("held",)),
    Term("thought", "Words", "what some models write before the answer; its words are counted, and it may be folded",
         ("thought for", "words")),
    Term("conversation", "Words", "questions and answers; each answer knows what was said before it",
         ("conversations",)),
    Term("tok/s", "Numbers", "tokens per second: (tokens of the answer - 1) / time after the first token",
         ("tokens per second",)),
    Term("tokens per step", "Numbers", "tokens of the answer / steps, the first token in neither; 1.00 is plain "
         "decoding; papers say mean accepted tokens", ("per step",)),
    Term("accepted a/b", "Numbers", "drafted tokens that were accepted / all that were drafted, unreached ones too",
         ("accepted/drafted", "acceptance")),
    Term("drafted in vain", "Numbers", "tokens that a server drafted and did not accept: they are counted, never sent",
         ("never sent",)),
    Term("not told", "Numbers", "the server does not say it, so that nobody knows it here"),
    Term("concurrency", "Numbers", "requests that a server has to answer at the same time", ("requests",)),
    Term("total tok/s", "Numbers", "tokens of all answers / time from the first request to the last end", ("total",)),
    Term("latency", "Numbers", "time from a request to the end of its answer, in milliseconds"),
    Term("p50", "Numbers", "the median: half of the requests took no longer; 90 and 99 of a hundred for p90 and p99",
         ("p90", "p99")),
    Term("first token", "Numbers", "time to first token: from the question to the first token, in milliseconds",
         ("first token ms", "papers: TTFT")),
    Term("ms", "Numbers", "milliseconds", ("draft ms", "check ms")),
    Term("speed-up", "Numbers", "tokens per second / those of a measured run of plain decoding on the same prompt",
         ("speed-up [rounds]", "× plain", "measuring")),
    Term("plain ≈", "Numbers", "what plain decoding would take for as many tokens: tokens × the time of one pass over "
         "one token"),
    Term("≈", "Numbers", "an estimate, not measured"),
    Term("won", "Numbers", "of time, less than plain decoding takes; of branches, the one that goes on as the target"),
    Term("lost", "Numbers", "of time, more than plain decoding takes; of branches, those that were drafted in vain"),
    Term("call tok/s", "Numbers", "all tokens / time of the whole calls, prefill included"),
    Term("call × hf", "Numbers", "time of a whole call of transformers' generate / time of this lane's whole call",
         ("call",)),
    Term("T(m)", "Numbers", "time of one pass of the target over m tokens"),
    Term("place", "Numbers", "which lane came first, by its own clock", ("1st", "2nd", "3rd", "4th", "5th", "6th")),
    Term("rollback", "Numbers", "drafted tokens of the chosen chain that were thrown away / all drafted on it"),
    Term("dropped", "Numbers", "tokens drafted ahead on the followed chain and thrown away unchecked"),
    Term("branch waste", "Numbers", "tokens of the branches that lost: of a step, or for each token of the answer"),
    Term("% sure", "Numbers", "the draft model's own probability of its likeliest token", ("sure",)),
    Term("share", "Numbers", "the target's own probability of a token at a place, at the temperature that was set"),
    Term("log p", "Numbers", "the natural logarithm of the share: 0 is certain, lower is less likely"),
    Term("noise", "Numbers", "a random number for each token at each place, made from the seed and the place alone"),
    Term("sum", "Numbers", "log p + noise; the token with the highest sum is taken"),
    Term("position", "Numbers", "tokens before the pending token, those of the prompt too"),
    Term("waiting", "Numbers", "the share of time, or the time of a step, in which one of the two models does nothing"),
    Term("bubbles", "Numbers", "waiting time of both models, for each token of the answer"),
    Term("distinct-3", "Numbers", "different runs of three tokens / all runs of three tokens"),
    Term("loops", "Numbers", f"answers whose distinct-3 is below {LOOPING:g}: they go in circles",
         ("goes in circles", "below")),
    Term("same text", "Numbers", "answers that agree with that of plain decoding, token by token",
         ("same as AR", "text", "differs at", "gap", "not compared")),
    Term("remembers", "Numbers", "tokens of the datastore that a lane may look up"),
    Term("seed", "Numbers", "the same seed gives the same text, in every mode"),
    Term("temperature", "Numbers", "0, or greedy, always takes the likeliest token; 1 samples as the model would",
         ("greedy", "advised")),
    Term("draft length", "Numbers", "the most tokens drafted for a step; auto lets the measured cost decide",
         ("auto", "schedule")),
    Term("loaded in", "Numbers", "seconds from the start until the models were ready", ("s",)),
    Term("M, B", "Numbers", "millions, and thousands of millions, of numbers in a model: its parameters",
         ("M", "B", "parameters")),
    Term("MB, GB", "Numbers", "millions, and thousands of millions, of bytes: of a file or of memory",
         ("MB", "GB")),
    Term("n=", "Numbers", "rounds or questions behind a number", ("n", "rounds")),
    Term("[a, b]", "Numbers", "of a race the least and the most of its rounds; of a bench a 95 % interval"),
    Term("+a more", "Numbers", "rejected tokens, or nodes of a tree, that are not drawn", ("more",)),
    Term("▁▃▅▇", "Numbers", "tokens of the last steps, a full block for 8; under a lane, times of steps"),
    Term("answer a of b", "Numbers", "which answer of a recording it is; lanes of a race count as one",
         ("answer", "of")),
    Term("×0.25", "Numbers", "how fast a replay runs, in times of how fast it was; step through: a key is a step",
         ("step through", "×")),
    Term("–", "Signs", "not known; never 0"),
    *(Term(mark, "Signs", words.partition(": ")[2]) for mark, words in MARKS.items()),
    Term("█ ▒ ·", "Signs", "on the timeline: work that counts, drafting that was thrown away, the border of two steps"),
    Term("↵ ⇥ ∅", "Signs", "a new line, a tab, and a token without text of its own"),
)  # fmt: skip
"""All of them, in the order of the help."""


def by_group() -> Iterator[tuple[Group, list[Term]]]:
    """The terms of each group."""
    for group in GROUPS:
        yield group, [term for term in TERMS if term.group == group]


def unknown_words(text: str) -> list[str]:
    """The words beside the numbers of a text that no entry explains.

    Figures and punctuation are left out; what stands in quotes is a token.
    """
    rest = re.sub(r'"(\\.|[^"\\])*"', " ", text.replace(TIED, " "))
    for phrase in sorted((p for term in TERMS for p in (term.name, *term.shown)), key=len, reverse=True):
        rest = re.sub(rf"(?<![A-Za-z]){re.escape(phrase)}(?![A-Za-z])", " ", rest)
    return re.findall(r"[^\W\d_]+", rest)
