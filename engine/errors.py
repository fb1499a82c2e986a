"""The failures that a person can meet: each a plain sentence and a way out.

These are failures of the environment or the input, not bugs: they end a command with exit code 3
and are shown in the window as they stand. Anything else that is raised is a bug (exit code 1).
"""

import unicodedata
from typing import ClassVar

_JOINERS = "\u200c\u200d"  # of letters and of emoji


class TernError(Exception):
    """Base of the explained failures.

    Subclasses give `sentence` and `way_out` as templates that the keyword arguments of the
    constructor fill in.
    """

    sentence: ClassVar[str]
    way_out: ClassVar[str]
    exit_code: ClassVar[int] = 3

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(f"{self.said} {self.advice}")

    @property
    def kind(self) -> str:
        """The name under which the failure travels and is logged."""
        return type(self).__name__

    @property
    def said(self) -> str:
        """The sentence, with its facts filled in."""
        return showable(self.sentence.format(**self.facts))

    @property
    def advice(self) -> str:
        """The way out, with its facts filled in."""
        return showable(self.way_out.format(**self.facts))


def showable(text: str) -> str:
    """Return `text` on one line: what files and names hold can break lines, or be no text."""
    if text.isprintable():
        return text
    text = " ".join(text.split())
    return "".join("\ufffd" if _is_unshowable(c) else c for c in text)


def _is_unshowable(character: str) -> bool:
    """Whether it is a control, half of a character, or turns the text around it about.

    What Python does not know yet may be of a newer Unicode.
    """
    if character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def reason_of(error: BaseException) -> str:
    """Return what `error` says, as a part of a sentence."""
    lines = (line.strip() for line in str(error).splitlines())
    first = next((line for line in lines if line), type(error).__name__)
    return first[:200].rstrip(".")


class Stopped(Exception):
    """The person asked for it: neither a failure nor a bug."""


class FailedApart(Exception):
    """Another engine process failed at a part of the work, and gave the words for it."""

    def __init__(self, kind: str, said: str, advice: str) -> None:
        super().__init__(f"{said} {advice}")
        self.kind = kind
        self.said = said
        self.advice = advice


class ModelNotFound(TernError):
    sentence = "There is no model named {model} on this computer."
    way_out = (
        "Give the path of a model folder, or `demo`; a model of the Hugging Face Hub is fetched "
        "with `tern models download {model}`."
    )


class NotAModel(TernError):
    sentence = "{folder} is not a model that Tern can read: {reason}."
    way_out = "Choose a folder that holds config.json, tokenizer.json and .safetensors files."


class UnsupportedArchitecture(TernError):
    sentence = "Tern cannot run models of the architecture {architecture}."
    way_out = "Choose a model of one of these families: {supported}."


class UnsupportedFeature(TernError):
    sentence = "This model needs {feature}, which Tern does not have."
    way_out = "Choose another model, or another version of this one without it."


class PickleOnly(TernError):
    sentence = "{folder} holds its weights only as pickle files, which can run code when opened."
    way_out = "Choose a version of the model with .safetensors files: Tern reads nothing else."


class DamagedFile(TernError):
    sentence = "The file {file} is damaged: {reason}."
    way_out = "Download or copy it again, then load the model again."


class NotEnoughDisk(TernError):
    sentence = "{what} needs {needed} in {folder}, and {free} is free."
    way_out = "Make room there, or choose another folder."


class LinkLeavesFolder(TernError):
    sentence = "The link {link} leads out of the folder, to {target}."
    way_out = "Choose the folder that it leads to, or replace the link by the file."


class AlreadyThere(TernError):
    sentence = "There is a model in {folder} already."
    way_out = "Delete that one first, or give the folder that you import another name."


class DownloadRunning(TernError):
    sentence = "{model} is being downloaded now."
    way_out = "Wait until that has ended, or pause it first."


class UnsuitableRoot(TernError):
    sentence = "Models cannot be moved to {folder}: {reason}."
    way_out = "Choose another folder; the models stay where they are."


class NotEnoughMemory(TernError):
    sentence = "Loading {model} in {precision} needs about {needed}, and {free} is free."
    way_out = "{advice}"


class PromptTooLong(TernError):
    sentence = "The prompt has {tokens:,} tokens, and the context holds {context:,}."
    way_out = (
        "Shorten it, start a new chat or load the model with a longer context; of a long chat, the "
        "oldest messages can be dropped."
    )


class EmptyPrompt(TernError):
    sentence = "There is nothing to answer: the prompt is empty."
    way_out = "Write a message first."


class NoChatTemplate(TernError):
    sentence = "{model} has no chat template, so it cannot hold a conversation."
    way_out = "Choose its instruct or chat version; on the command line, --raw continues a text."


class BadChatTemplate(TernError):
    sentence = "The model's chat template could not be applied: {reason}."
    way_out = "Choose another version of the model; on the command line, --raw does without it."


class TokenizerFailed(TernError):
    sentence = "The model's tokenizer failed at this text: {reason}."
    way_out = "Choose another version of the model: its tokenizer.json is damaged, or not honest."


class NoNumbers(TernError):
    sentence = "The model computed no numbers: some of its weights are infinite, or too large."
    way_out = "Choose another precision, or download the model again."


class UnknownToken(TernError):
    sentence = "The tokenizer gave token {token}, and the model knows {vocabulary}."
    way_out = "The two do not belong together: choose another version of the model."


class BadSetting(TernError):
    sentence = "{name} cannot be {value}: it must be {allowed}."
    way_out = "Give a value in that range; nothing was generated."
    exit_code = 2


class KernelUnavailable(TernError):
    sentence = "The {kernel} kernels cannot serve {precision} here: {reason}."
    way_out = "Choose the {alternative} kernels, or auto, which takes what suits this CPU."


class OnlyForIpex(TernError):
    sentence = "{option} is for IPEX's kernels, and this model runs on the native ones: {reason}."
    way_out = "Leave the option out, or ask for IPEX with --kernel ipex."


class AlreadyQuantised(TernError):
    sentence = "This model was published in 4 bits ({method}), so it cannot run in {precision}."
    way_out = "Choose int4, or the version of the model that was not quantised."


class NothingQuantised(TernError):
    sentence = (
        "The model came back with {layers} of its layers unquantised, so it is not {precision}."
    )
    way_out = "Choose the native kernels, or bf16."


class UnwritableFolder(TernError):
    sentence = "Tern cannot write to {folder}: {reason}."
    way_out = "Make room or give write permission there, or set TERN_HOME to another folder."


class FileUnreadable(TernError):
    sentence = "The file {file} cannot be read: {reason}."
    way_out = "Check the path and that it is a UTF-8 text file."


class TextTooShort(TernError):
    sentence = "The text has {tokens} tokens, too few to measure anything."
    way_out = "Give a longer text file."


class Sealed(TernError):
    sentence = "Sealed mode is on, so Tern connects to nothing."
    way_out = "Switch it off in the settings; what is on this computer works without a network."


class OfflineByVariable(TernError):
    sentence = "The environment variable {variable} is set, so Tern connects to nothing."
    way_out = "Start Tern without it; what is on this computer works without a network."


class UndeclaredConnection(TernError):
    sentence = "A part of the program tried to connect to {host} unasked, and was refused."
    way_out = "Nothing left this computer. Please report it."


class Unreachable(TernError):
    sentence = "{host} cannot be reached: {reason}."
    way_out = (
        "Check the network connection and the proxy, then try again; what is on this computer "
        "works without a network."
    )


class UntrustedCertificate(TernError):
    sentence = "{host} showed a certificate that this computer does not trust: {reason}."
    way_out = (
        "If your network inspects its traffic, add its certificate to the system's, or name its "
        "file in SSL_CERT_FILE."
    )


class HubTrouble(TernError):
    sentence = "The Hub could not serve {what}: {reason}."
    way_out = "Try again later; what has arrived is kept."


class RateLimited(TernError):
    sentence = "The Hub asks to wait {wait} before anything more is fetched."
    way_out = "Try again then; with an access token the Hub allows more. What has arrived is kept."


class NotOnHub(TernError):
    sentence = "The Hub has no {what}, or it is private."
    way_out = "Check its name and revision; what is private needs your access token (HF_TOKEN)."


class BadReference(TernError):
    sentence = "{text} is neither the name nor the address of a model on the Hub: {reason}."
    way_out = "Give it as organisation/name or organisation/name@revision, or paste its address."


class GatedModel(TernError):
    sentence = "{repo} is gated: its owner wants you to accept the terms before you download it."
    way_out = "Accept them at {url}, then give Tern the access token of the same account."


class TokenRefused(TernError):
    sentence = "The Hub does not accept the access token, or the token may not read this model."
    way_out = "Give Tern another one, from huggingface.co/settings/tokens, or remove HF_TOKEN."


class RemoteCodeOnly(TernError):
    sentence = "{repo} runs only with program code of its own, and Tern runs no code of strangers."
    way_out = "Choose a model of one of these families: {supported}."


class NoSafetensors(TernError):
    sentence = "{repo} holds no .safetensors files, and Tern reads nothing else."
    way_out = "Choose the original model, or another version of it, with .safetensors files."


class HostileRepository(TernError):
    sentence = "{repo} lists a file that would leave the model's folder: {name}."
    way_out = "Do not use it: no honest repository holds such a thing. Nothing was downloaded."


class DamagedRepository(TernError):
    sentence = "{repo} is damaged on the Hub: {reason}."
    way_out = "Choose another model, or another revision of this one."


class DamagedDownload(TernError):
    sentence = "{file} arrived damaged twice: its hash is not the one that the Hub names."
    way_out = "Try again later or on another network; the other files are kept."


class BrokenDownload(TernError):
    sentence = "The download of {file} broke off {times} times: {reason}."
    way_out = "Resume it when the line is better; what has arrived is kept."


class DiskFull(TernError):
    sentence = "The download needs {needed} more in {folder}, and {free} is free."
    way_out = "Make room there or move the models elsewhere, then resume; what has arrived is kept."


class NoKeyring(TernError):
    sentence = "This system has no keyring that Tern could keep the access token in: {reason}."
    way_out = "Set HF_TOKEN, or log in with `huggingface-cli login`: Tern uses either."


class CannotBeServed(TernError):
    sentence = (
        "No speed suffices: of {session} s a session, {overhead} s are overhead and {reading} s "
        "reading, which leaves no time for replies."
    )
    way_out = "Allow more time for a session, or fewer requests in it."
    exit_code = 2


class NotAComparison(TernError):
    sentence = "The file {file} is not a comparison that this version of Tern can read: {reason}."
    way_out = "Choose the JSON file that `tern compare --json` wrote."


class NoModelLoaded(TernError):
    sentence = "No model is loaded."
    way_out = "Choose a model first."


class HistoryBusy(TernError):
    sentence = "The file of your chats {file} is in use by another program."
    way_out = "Close what else has it open, another window perhaps, and try again."


class HistoryDamaged(TernError):
    sentence = "The file of your chats {file} is damaged: {reason}."
    way_out = (
        "Nothing in it was changed. Put {copies} in its place, or move it away to start a new one."
    )


class HistoryNotOurs(TernError):
    sentence = "The file {file} belongs to another program."
    way_out = "Nothing in it was changed. Move it away, and Tern makes its own there."


class HistoryTooNew(TernError):
    sentence = "The file of your chats {file} was written by a newer version of Tern."
    way_out = "Nothing in it was changed. Use that version, or a newer one."


class HistoryUnwritable(TernError):
    sentence = "Your chats cannot be saved in {file}: {reason}."
    way_out = "Make room or give write permission there, or export this chat to another place."


class SqliteTooOld(TernError):
    sentence = "This Python has SQLite {version}, and your chats need 3.37 or newer."
    way_out = "Install Tern with a newer Python."


class ChatGone(TernError):
    sentence = "This chat, folder or message is not there any more."
    way_out = "It was deleted, in another window perhaps; start a new chat."


class AnswerStillGrowing(TernError):
    sentence = "This answer is still being written, in another window perhaps."
    way_out = "Wait for its end, or stop it there."


class FolderExists(TernError):
    sentence = "There is a folder named {name} already."
    way_out = "Choose another name."


class NameTaken(TernError):
    sentence = "There is a persona named {name} already."
    way_out = "Choose another name."


class ImportRefused(TernError):
    sentence = "The file {file} cannot be imported: {reason}."
    way_out = (
        "Choose an export of Tern (JSON) or of ChatGPT (the zip or its conversations.json); "
        "nothing was added."
    )


class ExportFailed(TernError):
    sentence = "Nothing could be written to {file}: {reason}."
    way_out = "Choose another place; your chats are as they were."


class AttachmentRefused(TernError):
    sentence = "{name} cannot be attached: {reason}."
    way_out = "{advice}"


class EngineDied(TernError):
    """The engine process ended by itself; the words come from `engine.outcome`."""

    sentence = "{outcome}"
    way_out = "{advice}"


class EngineMismatch(TernError):
    sentence = (
        "The engine process speaks version {theirs} of the protocol, and this program {ours}."
    )
    way_out = "Install Tern again, so that all of its parts are of one version."


def catalogue() -> dict[str, type[TernError]]:
    """Return every explained failure by its kind."""
    return {error.__name__: error for error in TernError.__subclasses__()}
