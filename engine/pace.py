"""How much of a prompt is read between two looks at the stop flag: a moment's worth.

Large blocks are read fastest, and Stop waits for the block's end; so a block is as large as its
time allows. The speed comes from the blocks before, of earlier prompts too.
"""

_MOMENT_S = 0.4
_LEAST, _MOST = 16, 256  # tokens; fewer read the weights too often, more gain nothing
# Multiplications a second of a slow computer, for the first block of all.
_SLOW = 25e9


class Pace:
    """The size of the next block, in tokens: a power of two, so that most prompts split alike."""

    def __init__(self, tokens: int = _MOST) -> None:
        self.tokens = tokens

    @classmethod
    def of(cls, parameters: int) -> "Pace":
        """Return the pace at which a model of so many parameters is begun on any computer."""
        return cls(_bounded(_MOMENT_S * _SLOW / max(parameters, 1)))

    def learn(self, tokens: int, seconds: float) -> None:
        """Take in that a block took so long; one much smaller than asked for tells nothing."""
        if tokens * 2 > self.tokens:
            self.tokens = _bounded(_MOMENT_S * tokens / max(seconds, 1e-9))


def _bounded(tokens: float) -> int:
    return 1 << (int(min(max(tokens, _LEAST), _MOST)).bit_length() - 1)
