"""The recipes, by name; each stage's corpus says what the stages before left weak."""

from .recipe import Corpus, Rates, Recipe, Schedule, Shape, Stage

_FIRST = Corpus(conversations=120_000)
# What one stage leaves weak gets more room; what it has learnt well is kept in mind.
_SECOND = Corpus(
    conversations=100_000,
    seed=11,
    weights={"subject": 9, "talk": 7, "general": 4, "mention": 8, "lookup": 8, "echo": 8, "copy": 6, "rewrite": 20, "list": 13,
             "records": 7, "sums": 16, "word problem": 13, "write code": 2, "explain code": 1, "story": 2, "translate": 5},
)  # fmt: skip
# Short tasks of one skill, and the families that need it.
_THIRD = Corpus(
    conversations=90_000,
    seed=13,
    weights={"subject": 8, "talk": 6, "general": 4, "extract": 13, "mention": 6, "lookup": 7, "echo": 8, "copy": 6, "rewrite": 22,
             "list": 9, "records": 7, "sums": 6, "word problem": 6, "write code": 3, "code edit": 16, "explain code": 2, "story": 2,
             "translate": 5, "drill": 22},
)  # fmt: skip
# What takes longest to learn; the others are kept in mind.
_FOURTH = Corpus(
    conversations=36_000,
    seed=19,
    weights={"subject": 5, "talk": 4, "general": 3, "extract": 7, "mention": 4, "lookup": 4, "echo": 5, "copy": 4, "rewrite": 10,
             "list": 5, "records": 5, "sums": 4, "word problem": 4, "write code": 2, "code edit": 8, "explain code": 2, "story": 2,
             "translate": 3, "drill": 6, "replace": 40},
)  # fmt: skip
# All families again, and the tasks that four stages have left wrong.
_FIFTH = Corpus(conversations=20_000, seed=23, weights={"rewrite": 16, "drill": 4, "replace": 6})
_LEFT_WRONG = Corpus(
    conversations=70_000,
    seed=29,
    weights={"subject": 0, "talk": 0, "general": 0, "extract": 12, "mention": 14, "lookup": 7, "echo": 10, "copy": 4, "rewrite": 18,
             "list": 4, "records": 6, "sums": 4, "word problem": 4, "write code": 0, "code edit": 7, "explain code": 0, "story": 0,
             "translate": 3, "drill": 10, "replace": 10},
)  # fmt: skip
# A last one at low rates, on nothing that was seen before.
_SIXTH = Corpus(
    conversations=22_000,
    seed=31,
    weights={"extract": 13, "mention": 10, "lookup": 6, "echo": 10, "rewrite": 20, "code edit": 11, "drill": 12, "replace": 14},
)  # fmt: skip
# What exact answers need is put into the middle layers, where the loss of the next token alone has not brought it.
_SEVENTH = Corpus(
    conversations=66_000,
    seed=53,
    weights={"subject": 7, "talk": 4, "general": 3, "extract": 16, "mention": 10, "lookup": 5, "echo": 9, "copy": 4, "rewrite": 18,
             "list": 6, "records": 5, "sums": 6, "word problem": 5, "write code": 2, "code edit": 8, "explain code": 2, "story": 3,
             "translate": 4, "drill": 8, "replace": 8, "altered": 8},
)  # fmt: skip
_EIGHTH = Corpus(
    conversations=46_000,
    seed=61,
    weights={"subject": 6, "talk": 4, "general": 3, "extract": 10, "mention": 10, "lookup": 6, "echo": 12, "copy": 4, "rewrite": 26,
             "list": 8, "records": 5, "sums": 6, "word problem": 5, "write code": 2, "code edit": 9, "explain code": 2, "story": 2,
             "translate": 4, "drill": 8, "replace": 14, "altered": 10},
)  # fmt: skip
# For the draft model: more of what it follows worst.
_FOLLOWED = Corpus(conversations=30_000, seed=17, weights={"translate": 18, "list": 12, "echo": 8})

# What two CPU cores with bfloat16 instructions finish in some seven hours.
CPU = Recipe(
    target=Shape(width=256, layers=10, heads=4, inner=640),
    draft=Shape(width=128, layers=2, heads=4, inner=352),
    target_stages=(
        Stage(Schedule(tokens=17_000_000), _FIRST),
        Stage(
            Schedule(
                tokens=16_000_000, decay=0.7, copies=0.12, copies_until=0.6, asked=0, rates=Rates(0.009, 0.006, 0.001)
            ),
            _SECOND,
        ),
        Stage(
            Schedule(
                tokens=18_000_000, decay=0.8, copies=0.04, copies_until=0.4, asked=0, rates=Rates(0.009, 0.006, 0.001)
            ),
            _THIRD,
        ),
        Stage(
            Schedule(tokens=7_000_000, decay=0.9, copies=0, asked=0, rates=Rates(0.007, 0.005, 0.001)),
            _FOURTH,
            kept=0.3,
        ),
        Stage(
            Schedule(tokens=12_000_000, decay=0.1, copies=0, asked=0, rates=Rates(0.005, 0.0035, 0.0005)),
            _FIFTH,
            hard=_LEFT_WRONG,
            averaged=0.7,
        ),
        Stage(
            Schedule(tokens=4_000_000, decay=0.95, copies=0, asked=0, rates=Rates(0.002, 0.0014, 0.0003)),
            _SIXTH,
        ),
        Stage(
            Schedule(tokens=14_000_000, decay=1.0, copies=0, asked=0, hints=0.02, rates=Rates(0.004, 0.003, 0.0004)),
            _SEVENTH,
        ),
        Stage(
            Schedule(tokens=9_000_000, decay=1.0, copies=0, asked=0, hints=0.02, rates=Rates(0.002, 0.0014, 0.0002)),
            _EIGHTH,
        ),
    ),
    draft_stages=(Stage(Schedule(tokens=3_000_000, rates=Rates(0.015, 0.01, 0.001)), _FOLLOWED),),
)

# About a billion tokens for a target of 21 million parameters: a matter of one large GPU.
_LARGE = Corpus(conversations=1_500_000, weights={"drill": 8, "replace": 8})
GPU = Recipe(
    target=Shape(width=384, layers=12, heads=6, inner=1024),
    draft=Shape(width=192, layers=2, heads=4, inner=512),
    target_stages=(Stage(Schedule(tokens=1_000_000_000, batch=65_536, warm_up=200), _LARGE),),
    draft_stages=(Stage(Schedule(tokens=200_000_000, batch=65_536, warm_up=200), _LARGE),),
)

# Proves the plumbing in a few seconds; such a pair knows nothing.
_LITTLE = Corpus(conversations=150)
SMOKE = Recipe(
    target=Shape(width=32, layers=3, heads=2, inner=64),
    draft=Shape(width=32, layers=2, heads=2, inner=48),
    target_stages=(
        Stage(Schedule(tokens=16_384, batch=2048, warm_up=2), _LITTLE),
        Stage(
            Schedule(tokens=8192, batch=2048, warm_up=1, asked=0, hints=0.02),
            Corpus(40, seed=11, weights={"sums": 100}),
            kept=0.3,
            hard=Corpus(60, seed=13),
            averaged=0.5,
        ),
    ),
    draft_stages=(Stage(Schedule(tokens=16_384, batch=2048, warm_up=2), _LITTLE),),
    vocabulary=512,
    tokenizer_conversations=100,
    compiled=False,
    longest_answer=48,
)

RECIPES = {"cpu": CPU, "gpu": GPU, "smoke": SMOKE}
