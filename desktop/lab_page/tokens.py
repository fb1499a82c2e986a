"""What a variant would write in each place of the reference's answer, in words. No Qt."""

from desktop import wording
from desktop.lab_page.figures import nats, share
from desktop.translation import isolated, number, tr
from engine.messages import ForcedToken, Likely

_CONTROLS = dict.fromkeys(code for code in (*range(0x20), 0x7F) if chr(code) not in "\n\t")


def plain(text: str) -> str:
    """Return a token's text without characters that cannot be shown."""
    return text.translate(_CONTROLS)


def quoted(text: str) -> str:
    """Return a token's text between quotation marks, its line breaks and tabs to be seen."""
    return isolated(f"“{plain(text).replace(chr(10), '⏎').replace(chr(9), '⇥')}”")


def likely(top: tuple[Likely, ...], apart: str = "\n") -> str:
    """Return the likeliest tokens and their probabilities."""
    return apart.join(f"{quoted(one.text)} {share(one.probability)}" for one in top)


def first(top: tuple[Likely, ...]) -> str:
    """Return the likeliest token."""
    return quoted(top[0].text) if top else wording.UNKNOWN


def sentence(token: ForcedToken, place: int, count: int, variant: str) -> str:
    """Return what is to be said of the token at `place`."""
    facts = {
        "place": number(f"{place + 1:,}"),
        "count": number(f"{count:,}"),
        "token": quoted(token.text),
        "kl": nats(token.kl),
        "variant": variant,
        "other": first(token.top),
    }
    if token.agrees:
        return tr(
            "Token {place} of {count}: {token}, KL {kl} nats. {variant} would write the same.",
            **facts,
        )
    return tr(
        "Token {place} of {count}: {token}, KL {kl} nats. {variant} would write {other}.", **facts
    )
