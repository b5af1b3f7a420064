"""What a pair can do: right answers by family on unseen prompts, and how often the draft model agrees."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from .conversation import Message, held_out, messages
from .families import FAMILIES, Family
from .families.follow_up import follow_up
from .judge import distinct_3
from .task import Turn
from .tokenizer import END_ID
from .words import Words

FOLLOW_UP = "follow-up"
_BATCH = 10
_DRAFTED = 4
_TRIES = 50


@dataclass(frozen=True)
class Question:
    """A chat whose last answer is missing, and the right one."""

    chat: list[Message]
    right: str


@dataclass(frozen=True)
class Answer:
    """What the target model said, greedily: the prompt's and the answer's tokens, and the text."""

    prompt: list[int]
    tokens: list[int]
    text: str


@dataclass(frozen=True)
class Score:
    """A family's figures; shares are between nought and one, ``least`` is what is asked for."""

    family: str
    prompts: int
    right: float
    right_by_draft: float
    least: float | None
    tokens: int
    agreement: float
    tokens_per_pass: float
    distinct_3: float
    missed: list[tuple[str, str, str]]


def _unseen(words: Words, family: Family) -> list[Turn]:
    """A task that is not in the training corpus: in unseen words, or held out by its text."""
    while True:
        turns = (family.unseen or family.make)(words)
        if family.unseen or held_out(turns[0].asked):
            return turns


def questions(name: str, count: int, seed: int) -> list[Question]:
    """``count`` different questions of a family; a follow-up comes behind an answer of another family."""
    words, found = Words(random.Random(f"{seed} {name}")), dict[str, Question]()
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        if name == FOLLOW_UP:
            first = _unseen(
                words, FAMILIES[words.one(["subject", "general", "talk", "extract", "list", "word problem"])]
            )[0]
            last = follow_up(words, first.answer)
            chat = messages([first, last])[:-1]
        else:
            last = _unseen(words, FAMILIES[name])[0]
            chat = messages([last])[:-1]
        found.setdefault(" ".join(message["content"] for message in chat), Question(chat, last.answer))
    if len(found) < count:
        raise ValueError(f"{name} has only {len(found)} unseen questions")
    return list(found.values())


@dataclass
class Measured:
    """The pair that is measured."""

    tokenizer: PreTrainedTokenizerFast
    target: LlamaForCausalLM
    draft: LlamaForCausalLM
    longest_answer: int
    """In tokens."""

    @classmethod
    def load(cls, folder: Path, longest_answer: int) -> "Measured":
        """The pair in FOLDER/target and FOLDER/draft."""
        models = [
            AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32).eval()
            for name in ("target", "draft")
        ]
        return cls(AutoTokenizer.from_pretrained(folder / "target"), *models, longest_answer)

    @torch.inference_mode()
    def answers(self, model: LlamaForCausalLM, asked: list[Question]) -> list[Answer]:
        """Greedy answers, a few at a time."""
        self.tokenizer.padding_side = "left"
        found: list[Answer] = []
        for at in range(0, len(asked), _BATCH):
            texts = [
                self.tokenizer.apply_chat_template(each.chat, add_generation_prompt=True, tokenize=False)
                for each in asked[at : at + _BATCH]
            ]
            inputs = self.tokenizer(
                texts, return_tensors="pt", padding=True, add_special_tokens=False, return_token_type_ids=False
            )
            made = model.generate(**inputs, max_new_tokens=self.longest_answer, do_sample=False)
            new = made[:, inputs["input_ids"].shape[1] :].tolist()
            for prompt, real, tokens in zip(inputs["input_ids"], inputs["attention_mask"].bool(), new, strict=True):
                kept = tokens[: tokens.index(END_ID) + 1] if END_ID in tokens else tokens
                text = self.tokenizer.decode(kept, skip_special_tokens=True)
                found.append(Answer(prompt[real].tolist(), kept, text))
        return found

    @torch.inference_mode()
    def agreed(self, answer: Answer) -> list[bool]:
        """For each token of the target's answer, whether the draft model's first choice is the same."""
        logits = self.draft(torch.tensor([answer.prompt + answer.tokens])).logits[0, len(answer.prompt) - 1 : -1]
        same: list[bool] = (logits.argmax(-1) == torch.tensor(answer.tokens)).tolist()
        return same


def passes(agreed: list[bool], drafted: int = _DRAFTED) -> int:
    """How many target passes an answer takes with chains of ``drafted`` tokens, each kept up to the first disagreement."""
    at = count = 0
    while at < len(agreed):
        kept = 0
        while kept < drafted and at + kept < len(agreed) and agreed[at + kept]:
            kept += 1
        at, count = at + kept + 1, count + 1
    return count


def score(pair: Measured, name: str, count: int, seed: int) -> Score:
    """Measure one family."""
    judge, least = (FAMILIES[name].judge, FAMILIES[name].least) if name in FAMILIES else (FAMILIES["copy"].judge, None)
    asked = questions(name, count, seed)
    answers, drafts = pair.answers(pair.target, asked), pair.answers(pair.draft, asked)
    right = [judge(answer.text, question.right) for answer, question in zip(answers, asked, strict=True)]
    by_draft = [judge(answer.text, question.right) for answer, question in zip(drafts, asked, strict=True)]
    agreed = [pair.agreed(answer) for answer in answers]
    tokens = sum(map(len, agreed))
    missed = [
        (question.chat[-1]["content"], answer.text, question.right)
        for question, answer, good in zip(asked, answers, right, strict=True)
        if not good
    ]
    return Score(
        family=name,
        prompts=count,
        right=sum(right) / count,
        right_by_draft=sum(by_draft) / count,
        least=least,
        tokens=tokens,
        agreement=sum(map(sum, agreed)) / tokens,
        tokens_per_pass=tokens / sum(map(passes, agreed)),
        distinct_3=sum(distinct_3(answer.text) for answer in answers) / count,
        missed=missed[:5],
    )


FAMILIES_ASKED = (*FAMILIES, FOLLOW_UP)
