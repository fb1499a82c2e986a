"""The page needs nothing else and runs nothing; the JSON says all."""

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import FileUnreadable, NotAComparison
from engine.lab import against, report
from engine.lab.records import Comparison, Estimate, Row
from engine.messages import Likely
from tests.lab.conftest import said

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">&amp;</pre></style>\x00\x1b]8;;'


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text outside of its style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data


def with_text(comparison: Comparison, text: str) -> Comparison:
    """The same with `text` wherever a person or a model wrote."""

    def changed(row: Row) -> Row:
        answers = tuple(msgspec.structs.replace(a, text=text) for a in row.answers)
        judgements = tuple(
            msgspec.structs.replace(
                judgement,
                tokens=tuple(
                    msgspec.structs.replace(
                        token,
                        text=text,
                        agrees=False,
                        top=(Likely(text, 0.5),),
                        reference_top=(Likely(text, 0.5),),
                    )
                    for token in judgement.tokens[:3]
                ),
            )
            for judgement in row.judgements
        )
        return msgspec.structs.replace(row, why=text, answers=answers, judgements=judgements)

    plan = msgspec.structs.replace(
        comparison.plan, model=text, text_name=text, prompts=(said(text),)
    )
    rows = tuple(changed(row) for row in comparison.rows)
    return msgspec.structs.replace(
        comparison, plan=plan, rows=rows, verdict=text, missing=(text,), revision=text
    )


def test_the_page_shows_figures_answers_and_where_they_depart(comparison: Comparison) -> None:
    page = Page(report.as_html(comparison))
    assert comparison.verdict in page.text
    for row in comparison.rows:
        assert row.label in page.text
        assert all(answer.text in page.text for answer in row.answers)
    assert page.elements.count("svg") == 4
    assert comparison.machine.cpu in page.text
    assert comparison.weights in page.text
    assert f"seed {comparison.plan.sampling.seed}" in page.text


def test_nothing_of_a_prompt_or_an_answer_becomes_markup(comparison: Comparison) -> None:
    usual = Page(report.as_html(with_text(comparison, "x")))
    hostile = Page(report.as_html(with_text(comparison, HOSTILE)))
    assert hostile.elements == usual.elements
    assert [name for name, _ in hostile.attributes] == [name for name, _ in usual.attributes]
    assert "<script>alert(1)</script>" in hostile.text
    assert "\x00" not in hostile.text and "\x1b" not in hostile.text


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=60))
def test_any_text_leaves_the_page_whole(finished, text: str) -> None:
    comparison = finished()[0]
    usual = Page(report.as_html(with_text(comparison, "x")))
    assert Page(report.as_html(with_text(comparison, f"x{text}"))).elements == usual.elements


def test_the_page_loads_and_runs_nothing(comparison: Comparison) -> None:
    page = Page(report.as_html(comparison))
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.elements)
    assert not any(name in ("src", "href") or name.startswith("on") for name, _ in page.attributes)
    policies = [value for name, value in page.attributes if name == "content"]
    assert any("default-src 'none'" in (value or "") for value in policies)


def test_a_comparison_without_figures_is_a_page_too(comparison: Comparison) -> None:
    bare = tuple(
        msgspec.structs.replace(
            row,
            speed=None,
            kl=None,
            top1_agreement=None,
            perplexity_ratio=None,
            text_perplexity=None,
            answers=(),
            judgements=(),
        )
        for row in comparison.rows
    )
    assert "bf16" in report.as_html(msgspec.structs.replace(comparison, rows=bare))
    assert "</html>" in report.as_html(msgspec.structs.replace(comparison, rows=()))


# -- JSON, and an older one against a newer one ----------------------------------------------------


def kept(folder: Path, comparison: Comparison) -> Path:
    path = folder / "old.json"
    report.write(path, report.as_json(comparison))
    return path


def changed(comparison: Comparison, **figures) -> Comparison:
    """The same with other figures in the last row."""
    *rows, last = comparison.rows
    row = msgspec.structs.replace(last, **figures)
    return msgspec.structs.replace(comparison, rows=(*rows, row))


def test_json_brings_all_of_it_back(comparison: Comparison, tmp_path: Path) -> None:
    assert against.read(kept(tmp_path, comparison)) == comparison


def test_the_output_of_a_command_can_be_read_too(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"a line\n" + report.as_json(comparison) + b"\n")
    assert against.read(path) == comparison


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_comparison_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(NotAComparison):
        against.read(path)
    with pytest.raises(FileUnreadable):
        against.read(tmp_path / "missing.json")


def test_a_newer_format_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(NotAComparison, match="format is 99"):
        against.read(kept(tmp_path, msgspec.structs.replace(comparison, format=99)))


def test_nothing_is_worse_than_itself(comparison: Comparison) -> None:
    assert against.worse(comparison, comparison) == []
    assert against.caveats(comparison, comparison) == []


@pytest.mark.parametrize(
    ("figure", "before", "now", "is_worse"),
    [
        ("kl", Estimate(0.1, 0.05, 0.2, "prompts"), Estimate(0.4, 0.3, 0.5, "prompts"), True),
        ("kl", Estimate(0.1, 0.05, 0.2, "prompts"), Estimate(0.15, 0.1, 0.5, "prompts"), False),
        ("kl", Estimate(0.4, 0.3, 0.5, "prompts"), Estimate(0.1, 0.05, 0.2, "prompts"), False),
        (
            "top1_agreement",
            Estimate(0.95, 0.9, 1, "prompts"),
            Estimate(0.5, 0.4, 0.6, "prompts"),
            True,
        ),
        ("perplexity_ratio", Estimate(1, 1, 1), Estimate(1.05, 1.05, 1.05), False),
        ("perplexity_ratio", Estimate(1, 1, 1), Estimate(1.2, 1.2, 1.2), True),
        ("peak_rss_bytes", 2_000_000_000, 2_050_000_000, False),
        ("peak_rss_bytes", 2_000_000_000, 2_200_000_000, True),
        ("peak_rss_bytes", 64_810_000, 68_510_000, False),  # a small model, run twice
    ],
)
def test_worse_is_what_lies_beyond_the_intervals(
    comparison: Comparison, figure: str, before: object, now: object, is_worse: bool
) -> None:
    old = changed(comparison, **{figure: before})
    new = changed(comparison, **{figure: now})
    found = against.worse(old, new)
    assert [change.label for change in found] == ["int4"] * is_worse


def test_another_machine_or_other_prompts_are_said(comparison: Comparison) -> None:
    machine = msgspec.structs.replace(comparison.machine, cpu="Another")
    plan = msgspec.structs.replace(comparison.plan, prompts=(said("x"),))
    other = msgspec.structs.replace(
        comparison, machine=machine, plan=plan, rows=comparison.rows[:2]
    )
    caveats = against.caveats(comparison, other)
    assert any("processor" in one for one in caveats)
    assert any("prompts" in one for one in caveats)
    assert "int4 was measured before, and not now." in caveats
