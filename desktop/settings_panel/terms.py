"""What each setting of a chat is called, does, and may be. Values without Qt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A number that may be set.

    name: its field in `engine.messages`. neutral: what it is where neither person nor model says
    otherwise. unset: what is shown where nothing is set and no number stands for that.
    """

    name: str
    title: str
    explanation: str
    low: float
    high: float
    step: float = 1
    decimals: int = 0
    neutral: float = 0
    unset: str = ""


SAMPLING = (
    Term(
        "temperature",
        "Temperature",
        "How freely words are chosen: 0 always takes the likeliest, above 1 becomes wild.",
        0, 5, 0.1, 2, 1,
    ),
    Term(
        "top_k",
        "Top-k",
        "Only this many of the likeliest words are considered; 0 considers all.",
        0, 1000, 5,
    ),
    Term(
        "top_p",
        "Top-p",
        "Only the likeliest words that together reach this share are considered; 1 is all.",
        0.01, 1, 0.05, 2, 1,
    ),
    Term(
        "min_p",
        "Min-p",
        "Words less likely than this share of the likeliest one are left out; 0 leaves none out.",
        0, 0.99, 0.01, 2,
    ),
    Term(
        "repetition_penalty",
        "Repetition penalty",
        "Above 1, words of the conversation and of the answer become less likely to come again.",
        0.5, 3, 0.05, 2, 1,
    ),
    Term(
        "presence_penalty",
        "Presence penalty",
        "Above 0, words that the answer has used once are avoided, so it turns to new matters.",
        -2, 2, 0.1, 2,
    ),
    Term(
        "frequency_penalty",
        "Frequency penalty",
        "Above 0, the more often the answer has used a word, the more it is avoided.",
        -2, 2, 0.1, 2,
    ),
    Term(
        "seed",
        "Seed",
        "The same number gives the same answer to the same question again.",
        0, 2**31 - 1, unset="Random",
    ),
)  # fmt: skip

LENGTH = Term(
    "max_new_tokens",
    "Longest answer",
    "An answer is cut off after this many tokens, of which a word takes one or two.",
    1,
    2**24,
    64,
    unset="No limit",
)

CONTEXT = Term(
    "context_length",
    "Context length",
    "How many tokens of conversation the model can look at; more of them take more memory.",
    16,
    2**24,
    1024,
    unset="Automatic",
)

THREADS = Term(
    "threads",
    "Threads",
    "How many threads compute; one for each physical core is nearly always fastest.",
    1,
    1024,
    unset="Automatic",
)

SYSTEM_PROMPT = (
    "System prompt",
    "What the model is told before everything else: who it is to be and how to answer.",
)
STOP_STRINGS = (
    "Stop strings",
    "The answer ends before any of these; one on each line, \\n for a line's end.",
)
OVERFLOW = (
    "When the context is full",
    "Whether an over-long chat is refused, or goes on without its oldest messages.",
)
PRECISION = ("Precision", "How exactly the weights are kept: less takes less memory.")
KERNEL = ("Kernels", "Whose compiled routines compute.")
