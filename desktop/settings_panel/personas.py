"""Personas: named system prompts with settings, kept in one TOML file that a person may edit.

The shipped ones are the file's first content and no more: they can be changed and deleted like any
other. A file that cannot be read is kept aside and explained.
"""

import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from desktop.history import ChatSettings
from desktop.translation import tr
from engine.errors import NameTaken, UnwritableFolder
from engine.messages import SamplingSettings
from engine.paths import make_folder


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """A system prompt and how answers are drawn; what is None is the model's own affair."""

    name: str
    system_prompt: str = ""
    sampling: SamplingSettings = SamplingSettings()

    @classmethod
    def of(cls, name: str, settings: ChatSettings) -> "Persona":
        """Return the settings of a chat as a persona."""
        return cls(name=name, system_prompt=settings.system_prompt, sampling=settings.sampling)

    def put_on(self, settings: ChatSettings) -> ChatSettings:
        """Return the settings of a chat that takes this persona."""
        return msgspec.structs.replace(
            settings,
            persona=self.name,
            system_prompt=self.system_prompt,
            sampling=self.sampling,
        )

    def is_on(self, settings: ChatSettings) -> bool:
        """Return whether a chat is just as the persona has it."""
        return Persona.of(self.name, settings) == self


SHIPPED = (
    Persona(name="Assistant"),
    Persona(
        name="Concise",
        system_prompt="Answer in as few words as the question allows. Leave out introductions, "
        "repetitions and closing remarks.",
    ),
    Persona(
        name="Writer",
        system_prompt="You help with writing. Keep to the voice of the text that you are given, "
        "prefer concrete words, and offer more than one way to say what matters.",
        sampling=SamplingSettings(temperature=1.0, min_p=0.05, presence_penalty=0.3),
    ),
    Persona(
        name="Coder",
        system_prompt="You help with programming. Give complete code that runs, name the language "
        "of each block, and say in a sentence what you assumed.",
        sampling=SamplingSettings(temperature=0.2, top_p=0.95),
    ),
    Persona(
        name="Translator",
        system_prompt="Translate each message into the language that was named last, or into "
        "English. Give the translation alone, and keep its formatting.",
        sampling=SamplingSettings(temperature=0.2),
    ),
)


class _Content(msgspec.Struct, frozen=True):
    """The file: `default` is the name of the persona of new chats."""

    default: str = SHIPPED[0].name
    persona: tuple[Persona, ...] = SHIPPED


class PersonaFile:
    """The personas and the file they live in. `trouble` says what was wrong with it, or "".

    Two windows may have it open: each change is made to what the file holds then. The methods that
    change something raise UnwritableFolder where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble = ""
        self._content = self._read()

    @property
    def all(self) -> tuple[Persona, ...]:
        """The personas in their order."""
        return self._content.persona

    @property
    def default(self) -> Persona:
        """The persona of a new chat."""
        return self.find(self._content.default) or Persona(name="")

    def find(self, name: str) -> Persona | None:
        """Return the persona of that name."""
        return next((persona for persona in self.all if persona.name == name), None)

    def add(self, persona: Persona) -> None:
        """Add a persona at the end. Raises NameTaken."""
        self._change(lambda all_: (*all_, persona), new_name=persona.name)

    def update(self, persona: Persona) -> None:
        """Replace the persona of the same name."""
        self._change(lambda all_: (persona if p.name == persona.name else p for p in all_))

    def rename(self, name: str, new_name: str) -> None:
        """Give a persona another name. Raises NameTaken."""
        if new_name == name:
            return
        is_default = self._content.default == name

        def renamed(persona: Persona) -> Persona:
            if persona.name != name:
                return persona
            return msgspec.structs.replace(persona, name=new_name)

        self._change(lambda all_: map(renamed, all_), new_name, new_name if is_default else None)

    def duplicate(self, name: str) -> Persona:
        """Add a copy under a name of its own, and return it."""
        original = self.find(name) or Persona(name=name)
        taken = {persona.name for persona in self.all}
        first = tr("{name} copy", name=name)
        names = (first, *(f"{first} {n}" for n in range(2, len(taken) + 3)))
        copy = msgspec.structs.replace(
            original, name=next(candidate for candidate in names if candidate not in taken)
        )
        self.add(copy)
        return copy

    def delete(self, name: str) -> None:
        """Remove a persona; chats that have it keep their settings."""
        self._change(lambda all_: (p for p in all_ if p.name != name))

    def choose_default(self, name: str) -> None:
        """Begin new chats with the persona of that name."""
        self._change(lambda all_: all_, default=name)

    def _change(
        self,
        change: Callable[[tuple[Persona, ...]], Iterable[Persona]],
        new_name: str = "",
        default: str | None = None,
    ) -> None:
        before = self._read()
        if new_name and any(persona.name == new_name for persona in before.persona):
            raise NameTaken(name=new_name)
        content = _Content(default or before.default, tuple(change(before.persona)))
        self._write(content)
        self._content = content

    def _read(self) -> _Content:
        try:
            fields = tomllib.loads(self._path.read_text(encoding="utf-8"))
            return msgspec.convert(fields, _Content)
        except FileNotFoundError:
            return _Content()
        except OSError as error:
            self.trouble = tr(
                "The personas in {file} cannot be read: {reason}.",
                file=self._path,
                reason=error.strerror,
            )
        except (ValueError, msgspec.ValidationError) as error:
            self.trouble = self._set_aside(error)
        return _Content()

    def _set_aside(self, error: Exception) -> str:
        aside = self._path.with_suffix(".damaged.toml")
        try:
            self._path.replace(aside)
        except OSError:
            aside = self._path
        return tr(
            "The file of personas was damaged ({error}). It was kept as {file}.",
            error=error,
            file=aside,
        )

    def _write(self, content: _Content) -> None:
        draft = self._path.with_suffix(".new")
        try:
            make_folder(self._path.parent)
            text = tomli_w.dumps(_without_none(msgspec.to_builtins(content)))
            draft.write_text(text, encoding="utf-8", errors="replace")
            # In one step: a crash while writing must not leave half a file.
            os.replace(draft, self._path)  # noqa: PTH105  (Path.replace is the same call)
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableFolder(folder=self._path.parent, reason=reason) from error


def _without_none(value: Any) -> Any:
    """TOML has no form for None."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
