"""What each setting of a chat is called, does, and may be. Values without Qt."""

from dataclasses import dataclass

from desktop.translation import mark


@dataclass(frozen=True)
class Term:
    """A number that may be set.

    name: its field in `engine.messages`. neutral: what it is where neither person nor model says
    otherwise. unset: what is shown where nothing is set and no number stands for that. Texts are
    marked for translation.
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
        mark("Temperature"),
        mark("How freely words are chosen: 0 always takes the likeliest, above 1 becomes wild."),
        0, 5, 0.1, 2, 1,
    ),
    Term(
        "top_k",
        mark("Top-k"),
        mark("Only this many of the likeliest words are considered; 0 considers all."),
        0, 1000, 5,
    ),
    Term(
        "top_p",
        mark("Top-p"),
        mark("Only the likeliest words that together reach this share are considered; 1 is all."),
        0.01, 1, 0.05, 2, 1,
    ),
    Term(
        "min_p",
        mark("Min-p"),
        mark(
            "Words less likely than this share of the likeliest one are left out; 0 leaves "
            "none out."
        ),
        0, 0.99, 0.01, 2,
    ),
    Term(
        "repetition_penalty",
        mark("Repetition penalty"),
        mark(
            "Above 1, words of the conversation and of the answer become less likely to come "
            "again."
        ),
        0.5, 3, 0.05, 2, 1,
    ),
    Term(
        "presence_penalty",
        mark("Presence penalty"),
        mark(
            "Above 0, words that the answer has used once are avoided, so it turns to new "
            "matters."
        ),
        -2, 2, 0.1, 2,
    ),
    Term(
        "frequency_penalty",
        mark("Frequency penalty"),
        mark("Above 0, the more often the answer has used a word, the more it is avoided."),
        -2, 2, 0.1, 2,
    ),
    Term(
        "seed",
        mark("Seed"),
        mark("The same number gives the same answer to the same question again."),
        0, 2**31 - 1, unset=mark("Random"),
    ),
)  # fmt: skip

LENGTH = Term(
    "max_new_tokens",
    mark("Longest answer"),
    mark("An answer is cut off after this many tokens, of which a word takes one or two."),
    1,
    2**24,
    64,
    unset=mark("No limit"),
)

CONTEXT = Term(
    "context_length",
    mark("Context length"),
    mark("How many tokens of conversation the model can look at; more of them take more memory."),
    16,
    2**24,
    1024,
    unset=mark("Automatic"),
)

THREADS = Term(
    "threads",
    mark("Threads"),
    mark("How many threads compute; one for each physical core is nearly always fastest."),
    1,
    1024,
    unset=mark("Automatic"),
)

SYSTEM_PROMPT = (
    mark("System prompt"),
    mark("What the model is told before everything else: who it is to be and how to answer."),
)
STOP_STRINGS = (
    mark("Stop strings"),
    mark("The answer ends before any of these; one on each line, \\n for a line's end."),
)
OVERFLOW = (
    mark("When the context is full"),
    mark("Whether an over-long chat is refused, or goes on without its oldest messages."),
)
PRECISION = (mark("Precision"), mark("How exactly the weights are kept: less takes less memory."))
KERNEL = (mark("Kernels"), mark("Whose compiled routines compute."))
