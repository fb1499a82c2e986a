"""A model that can be fetched, as far as it is known: from the catalogue, a search, the Hub's page.

Pure values and functions: what the Find list shows, in which order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from desktop import wording
from desktop.models_page import phrases
from desktop.models_page.fitting import Outlooks, best, tone_of, words_of
from desktop.rows import Row, Tone
from desktop.translation import line, tr, trn
from engine.errors import GatedModel, UnsupportedArchitecture
from engine.model_config import ModelConfig
from engine.store.catalogue import Suggestion
from engine.store.description import Description, FoundModel, families
from engine.store.hub import Sort
from engine.store.reference import Reference


@dataclass(frozen=True)
class Offer:
    """One model of the Hub.

    size: bytes of the download, 0 where it is not known; downloads, likes: None where the Hub was
    not asked; why_not: why Tern would not run it, as a sentence, "" where it would; praise: why it
    is recommended; description: what the Hub said, once it was asked about this very model.
    """

    reference: Reference
    title: str
    parameters: int = 0
    size: int = 0
    licence: str = ""
    languages: tuple[str, ...] = ()
    context: int = 0
    architecture: str = ""
    gated: bool = False
    downloads: int | None = None
    likes: int | None = None
    shape: ModelConfig | None = None
    why_not: str = ""
    praise: str = ""
    description: Description | None = None

    @property
    def repo(self) -> str:
        """The name, "organisation/name"."""
        return self.reference.repo

    @property
    def gate(self) -> GatedModel | None:
        """What keeps this person out, as far as the Hub has said it."""
        refusal = self.description.refusal if self.description else None
        return refusal if isinstance(refusal, GatedModel) else None


def from_suggestion(suggestion: Suggestion, is_best: bool) -> Offer:
    """Return what the catalogue says, without any network."""
    entry = suggestion.entry
    return Offer(
        reference=Reference(entry.repo),
        title=entry.title,
        parameters=entry.parameters,
        size=entry.download_bytes,
        licence=entry.licence,
        languages=entry.languages,
        context=entry.context,
        architecture=entry.architecture,
        gated=entry.gated,
        shape=entry.shape if entry.supported else None,
        why_not="" if entry.supported else _unsupported(entry.architecture),
        praise=_praise(suggestion) if is_best else "",
    )


def from_found(found: FoundModel) -> Offer:
    """Return what a search says."""
    why_not = "" if found.supported else _unsupported(found.architecture)
    return Offer(
        reference=Reference(found.repo),
        title=found.repo.rpartition("/")[2],
        parameters=found.parameters,
        size=found.weight_bytes,
        licence=found.licence,
        architecture=found.architecture,
        gated=found.gated,
        downloads=found.downloads,
        likes=found.likes,
        why_not=why_not,
    )


def from_description(described: Description, known: Offer | None = None) -> Offer:
    """Return what the Hub says of the model itself, and what only `known` tells beside it."""
    base = known or Offer(described.reference, described.repo.rpartition("/")[2])
    shape = described.shape or base.shape
    return replace(
        base,
        reference=described.reference,
        parameters=described.parameters or base.parameters,
        size=described.download_bytes or base.size,
        licence=described.licence or base.licence,
        context=shape.max_context if shape else base.context,
        architecture=described.architecture or base.architecture,
        gated=described.gated,
        downloads=described.downloads,
        likes=described.likes,
        shape=shape,
        why_not=_why_not(described),
        description=described,
    )


def row_of(offer: Offer, outlooks: Outlooks) -> Row:
    """Return what the list shows."""
    facts = [phrases.parameters(offer.parameters)] if offer.parameters else []
    facts += [wording.size(offer.size)] if offer.size else []
    facts += [offer.licence] if offer.licence else []
    facts += [tr("gated")] if offer.gated else []
    if offer.downloads is not None:
        facts.append(trn("{count} download", "{count} downloads", offer.downloads))
        facts.append(trn("{count} like", "{count} likes", offer.likes or 0))
    remark, tone = _remark(offer, outlooks)
    return Row(str(offer.reference), offer.title, line(facts), remark, tone)


def arrange(
    offers: Iterable[Offer], sort: Sort, only_runnable: bool, without_gate: bool
) -> list[Offer]:
    """Return the offers that pass the filters, the most downloaded or most liked first."""
    kept = [
        offer
        for offer in offers
        if not (only_runnable and offer.why_not) and not (without_gate and offer.gated)
    ]
    return sorted(kept, key=lambda offer: -(getattr(offer, sort) or 0))


def _why_not(described: Description) -> str:
    refusal = described.refusal
    return "" if refusal is None or isinstance(refusal, GatedModel) else refusal.said


def _remark(offer: Offer, outlooks: Outlooks) -> tuple[str, Tone]:
    if offer.why_not:
        return tr("cannot run"), Tone.BAD
    if offer.praise:
        return tr("recommended"), Tone.GOOD
    look = best(outlooks(offer.shape, None)) if offer.shape else None
    if look is None or look.fit is None:
        return "", Tone.PLAIN
    tone = tone_of(look)
    words = words_of(look)
    if tone is Tone.BAD:
        return words, tone
    return tr("{words} in {precision}", words=words, precision=look.precision), tone


def _praise(suggestion: Suggestion) -> str:
    """Return why the first suggestion stands first."""
    if suggestion.fits and suggestion.fluent:
        return tr(
            "Recommended for this computer: in {precision} it is the largest known model that "
            "fits into the free memory and is likely to write as fast as you read.",
            precision=suggestion.precision,
        )
    if suggestion.fits:
        return tr(
            "Recommended for this computer: it fits into the free memory, and is likely to write "
            "faster than the others, though slower than you read."
        )
    return ""


def _unsupported(architecture: str) -> str:
    if not architecture:
        return tr(
            "The Hub does not say which architecture it has, so Tern may not be able to run it."
        )
    return UnsupportedArchitecture(architecture=architecture, supported=families()).said
