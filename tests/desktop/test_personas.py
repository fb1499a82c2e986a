"""The file of personas: what ships, what a person makes of it, and what may be wrong with it."""

from pathlib import Path

import pytest

from desktop.history import ChatSettings
from desktop.settings_panel.personas import SHIPPED, Persona, PersonaFile
from engine.errors import NameTaken, UnwritableFolder
from engine.messages import SamplingSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "personas.toml"


def names(file: PersonaFile) -> list[str]:
    return [persona.name for persona in file.all]


def test_a_new_user_has_a_few(path: Path) -> None:
    file = PersonaFile(path)
    assert names(file) == ["Assistant", "Concise", "Writer", "Coder", "Translator"]
    assert file.default == Persona(name="Assistant"), "the model as it is"
    assert not path.exists(), "nothing is written before something is changed"


def test_changes_are_kept(path: Path) -> None:
    file = PersonaFile(path)
    pirate = Persona(
        name="Pirate",
        system_prompt='Speak like a pirate.\n"Arr" – ünïcode.',
        sampling=SamplingSettings(temperature=1.2, seed=7, stop=("\n\n", "END")),
    )
    file.add(pirate)
    file.rename("Coder", "Programmer")
    copy = file.duplicate("Writer")
    file.delete("Concise")
    file.choose_default("Pirate")
    again = PersonaFile(path)
    assert names(again) == [
        "Assistant", "Writer", "Programmer", "Translator", "Pirate", "Writer copy",
    ]  # fmt: skip
    assert again.find("Pirate") == again.default == pirate
    assert copy.system_prompt == SHIPPED[2].system_prompt
    assert not again.trouble


def test_a_persona_is_put_on_and_departed_from() -> None:
    coder = SHIPPED[3]
    settings = coder.put_on(ChatSettings(overflow="drop_oldest", threads=2))
    assert settings.persona == "Coder" and settings.sampling.temperature == 0.2
    assert settings.overflow == "drop_oldest" and settings.threads == 2
    assert coder.is_on(settings)
    assert not coder.is_on(ChatSettings(persona="Coder", system_prompt="other"))


def test_a_name_is_given_once(path: Path) -> None:
    file = PersonaFile(path)
    for change in (
        lambda: file.add(Persona(name="Coder")),
        lambda: file.rename("Writer", "Coder"),
    ):
        with pytest.raises(NameTaken, match="named Coder already"):
            change()
    assert names(file) == names(PersonaFile(path))
    file.rename("Coder", "Coder")


def test_the_default_follows_its_new_name_and_its_end(path: Path) -> None:
    file = PersonaFile(path)
    file.choose_default("Coder")
    file.rename("Coder", "Programmer")
    assert PersonaFile(path).default.name == "Programmer"
    file.delete("Programmer")
    assert PersonaFile(path).default.system_prompt == ""


def test_what_another_window_has_changed_is_kept(path: Path) -> None:
    first, second = PersonaFile(path), PersonaFile(path)
    first.add(Persona(name="One"))
    second.add(Persona(name="Two"))
    assert names(PersonaFile(path))[-2:] == ["One", "Two"]


def test_a_damaged_file_is_kept_aside_and_explained(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("persona = 3")
    file = PersonaFile(path)
    assert file.all == SHIPPED
    assert "damaged" in file.trouble
    assert path.with_suffix(".damaged.toml").read_text() == "persona = 3"


def test_a_folder_that_cannot_be_written_is_an_explained_failure(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    file = PersonaFile(path)
    with pytest.raises(UnwritableFolder):
        file.add(Persona(name="One"))
    assert "One" not in names(file)
