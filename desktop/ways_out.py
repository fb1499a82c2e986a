"""Which of a failure's ways out the window can go by a button. Pure functions; no Qt."""

from dataclasses import replace

from desktop.state import Notice, WayOut
from engine import messages
from engine.messages import Precision

_LOWER: dict[Precision, Precision] = {
    Precision.BF16: Precision.INT8,
    Precision.INT8: Precision.INT4,
}
_OTHER_MODEL = (WayOut.OTHER_MODEL,)
_OF_A_BUG = (WayOut.OPEN_LOG, WayOut.SUPPORT)

# By the kind, which is the name of a class in engine/errors.py.
_LOADING: dict[str, tuple[WayOut, ...]] = {
    "NotEnoughMemory": (WayOut.LOWER, WayOut.OTHER_MODEL, WayOut.LOAD_ANYWAY),
    "ModelNotFound": (WayOut.OTHER_MODEL, WayOut.LOAD),
    "NotAModel": _OTHER_MODEL,
    "UnsupportedArchitecture": _OTHER_MODEL,
    "UnsupportedFeature": _OTHER_MODEL,
    "PickleOnly": _OTHER_MODEL,
    "UnknownToken": _OTHER_MODEL,
    "DamagedFile": (WayOut.LOAD, WayOut.OTHER_MODEL),
    "KernelUnavailable": (WayOut.AUTO_KERNEL,),
    "NothingQuantised": (WayOut.NATIVE_KERNEL,),
    "AlreadyQuantised": (WayOut.INT4, WayOut.OTHER_MODEL),
    "Bug": (WayOut.LOAD, *_OF_A_BUG),
}
_ANSWERING: dict[str, tuple[WayOut, ...]] = {
    "PromptTooLong": (WayOut.NEW_CHAT, WayOut.CHAT_SETTINGS),
    "BadSetting": (WayOut.CHAT_SETTINGS,),
    "NoChatTemplate": _OTHER_MODEL,
    "BadChatTemplate": _OTHER_MODEL,
    "UnknownToken": _OTHER_MODEL,
    "NotEnoughMemory": (WayOut.LOWER, WayOut.OTHER_MODEL, WayOut.NEW_CHAT),
    "NoModelLoaded": _OTHER_MODEL,
    "Bug": _OF_A_BUG,
}


def loading_notice(event: messages.Failed, precision: Precision) -> Notice:
    """Return what is said of a model that was not loaded in `precision`."""
    return _notice(event, _LOADING.get(event.kind, (WayOut.LOAD,)), precision)


def answer_notice(event: messages.Failed, precision: Precision) -> Notice:
    """Return what is said of an answer that failed."""
    return _notice(event, _ANSWERING.get(event.kind, ()), precision)


def lower(precision: Precision) -> Precision:
    """Return the next precision that takes less memory, or the same where there is none."""
    return _LOWER.get(precision, precision)


def _notice(event: messages.Failed, offers: tuple[WayOut, ...], precision: Precision) -> Notice:
    can_go_lower = lower(precision) is not precision
    kept = tuple(offer for offer in offers if offer is not WayOut.LOWER or can_go_lower)
    return with_precision(Notice(event.sentence, event.way_out, kept), event.fitting)


def with_precision(notice: Notice, fitting: Precision | None) -> Notice:
    """Return `notice` with the offer to load the model in the precision that would fit."""
    if fitting is None:
        return notice
    others = (offer for offer in notice.offers if offer is not WayOut.LOWER)
    return replace(notice, offers=(WayOut.LOAD_OTHERWISE, *others), precision=fitting)
