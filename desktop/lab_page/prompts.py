"""Prompts as they are typed, and the pinned ones in their file. No Qt."""

import re
from pathlib import Path

import msgspec

from engine.errors import UnwritableFolder
from engine.lab.records import Prompt
from engine.messages import ChatMessage
from engine.paths import make_folder

# English, whatever the window speaks: the demo model knows nothing else.
BUILT_IN = ("What is 3 plus 4?", "Tell me a story about a fox.", "Who are you?")


def split(text: str) -> tuple[str, ...]:
    """Return the prompts in `text`: its blocks between blank lines, or its lines without any."""
    blocks = re.split(r"\n[^\S\n]*\n", text.lstrip())
    parts = blocks if len(blocks) > 1 else text.splitlines()
    return tuple(part.strip() for part in parts if part.strip())


def joined(prompts: tuple[str, ...]) -> str:
    """Return a text that `split` takes apart again."""
    if not any("\n" in prompt for prompt in prompts):
        return "\n".join(prompts)
    # The blank line at the end tells of a single block that its lines belong together.
    return "\n\n".join((*prompts, ""))


def as_prompt(text: str) -> Prompt:
    """Return the prompt that says `text`."""
    return Prompt(messages=(ChatMessage(role="user", content=text),))


class PinnedPrompts:
    """The prompts that are kept for the next time, a JSON list that `tern compare` reads, too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, ...]:
        """Return the prompts; none where there is no file, or one that holds something else."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[str, ...])
        except (OSError, msgspec.DecodeError):
            return ()

    def keep(self, prompts: tuple[str, ...]) -> None:
        """Pin `prompts` in place of those before. Raises UnwritableFolder."""
        make_folder(self._path.parent)
        draft = self._path.with_suffix(".new")
        try:
            draft.write_bytes(msgspec.json.encode(prompts))
            draft.replace(self._path)
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableFolder(folder=self._path.parent, reason=reason) from error
