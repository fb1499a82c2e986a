"""README and docs: every link leads somewhere, every command is one that Tern knows."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from engine.cli.options import build_parser
from tests.integration.conftest import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^ {4}(?:.*\| )?(?:\.venv/bin/)?tern (.*?)(?: {2,}#.*)?$", re.MULTILINE)
MAKE = re.compile(r"^ {4}make ((?:[a-z]+ ?)+)", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text("utf-8"))
    for link in (link for link in links if "://" not in link):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_all_pictures_are_shown() -> None:
    text = "".join(document.read_text("utf-8") for document in DOCUMENTS)
    pictures = {path.name for path in (ROOT / "assets" / "screenshots").iterdir()}
    assert pictures == {link.rpartition("/")[2] for link in LINK.findall(text) if ".png" in link}


def test_tern_knows_the_commands() -> None:
    commands = [
        command
        for document in DOCUMENTS
        for command in COMMAND.findall(document.read_text("utf-8"))
    ]
    assert len(commands) > 20
    for command in commands:
        words = shlex.split(command.partition(" > ")[0])
        build_parser().parse_args(words)  # a wrong one ends in SystemExit, which fails the test


def test_make_knows_the_targets() -> None:
    named = {
        target
        for document in DOCUMENTS
        for targets in MAKE.findall(document.read_text("utf-8"))
        for target in targets.split()
    }
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert {"run", "test", "package", "smoke", "deb"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_readme_starts_and_tests_first() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"^ {4}(make .*)$", readme, re.MULTILINE)[:2] == ["make run", "make test"]


def test_the_version_that_the_package_is_named_by() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for document in DOCUMENTS:
        for found in re.findall(r"tern-chat_([\d.]+)_amd64", document.read_text("utf-8")):
            assert found == version, document
