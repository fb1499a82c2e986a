"""Attached files: text in its encoding, PDFs in a process of their own, all else in a sentence."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from desktop.attachments import attachment as attachments
from desktop.attachments import pdf_text
from desktop.attachments.attachment import Attachment, as_message, read_attachment
from engine.errors import AttachmentRefused

GERMAN = (
    "Größenwahn heißt die Überschätzung der eigenen Fähigkeiten. Zwölf Boxkämpfer jagen Viktor "
    "quer über den großen Sylter Deich; für jeden gibt es süße Äpfel.\r\n"
)
RUSSIAN = (
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. "
    "Все смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме "
    "француженкою-гувернанткой, и объявила мужу, что не может жить с ним в одном доме."
)


def write(tmp_path: Path, content: bytes | str, name: str = "notes.txt") -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def refusal(file: Path) -> AttachmentRefused:
    with pytest.raises(AttachmentRefused) as caught:
        read_attachment(file)
    assert caught.value.said.startswith(f"{file.name} cannot be attached: ")
    assert caught.value.advice
    return caught.value


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "utf-16-be-bom"]
)
def test_a_text_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    marked = encoding == "utf-16-be-bom"
    data = b"\xfe\xff" + GERMAN.encode("utf-16-be") if marked else GERMAN.encode(encoding)
    read = read_attachment(write(tmp_path, data))
    assert read.text == GERMAN.replace("\r\n", "\n")
    assert (read.name, read.size, read.note) == ("notes.txt", len(data), "")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 4),
        ("gb18030", "我喜欢北京烤鸭，因为它的味道非常好。今天天气很好，我们去公园散步吧。" * 4),
        ("cp1251", RUSSIAN),
    ],
)
def test_other_scripts_are_recognised(tmp_path: Path, encoding: str, text: str) -> None:
    assert read_attachment(write(tmp_path, text.encode(encoding))).text == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01" + bytes(64),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"PK\x03\x04" + bytes(30),
        b"text with a \0 in it",
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "it is not a text file" in refusal(write(tmp_path, data)).said


def test_random_bytes_never_fail_without_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "x"

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300))
    def read(data: bytes) -> None:
        file.write_bytes(data)
        try:
            assert "\0" not in read_attachment(file).text
        except AttachmentRefused as refused:
            assert "attached" in refused.said

    read()


@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "there is no text in it" in refusal(write(tmp_path, data)).said


def test_the_size_is_bounded(tmp_path: Path) -> None:
    most = attachments.MOST_TEXT_BYTES
    assert read_attachment(write(tmp_path, b"x" * most)).size == most
    assert "larger than 2 MB" in refusal(write(tmp_path, b"x" * (most + 1))).said


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "it is not a file" in refusal(tmp_path).said
    assert "No such file" in refusal(tmp_path / "missing.txt").said
    os.mkfifo(tmp_path / "pipe.txt")  # reading it would wait for ever
    assert "it is not a file" in refusal(tmp_path / "pipe.txt").said


def test_a_name_is_shown_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a\nb\udcff.txt"
    file.write_text("text")
    assert read_attachment(file).name == "a b?.txt"
    assert len(read_attachment(write(tmp_path, "text", "x" * 200)).name) == 120


# -- PDFs ----------------------------------------------------------------------------------------


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET" if text else ""
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return (
        f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}"
    ).encode("latin-1")


def test_the_text_of_a_pdf_is_read(tmp_path: Path) -> None:
    data = pdf("The first page", "Größe")
    read = read_attachment(write(tmp_path, data, "report.pdf"))
    assert read == Attachment(name="report.pdf", text="The first page\n\nGröße", size=len(data))
    assert read_attachment(write(tmp_path, data, "no-suffix")).text == read.text


def test_a_scanned_pdf_is_explained(tmp_path: Path) -> None:
    assert "only pictures" in refusal(write(tmp_path, pdf("", ""), "scan.pdf")).said


def test_an_encrypted_pdf_is_explained(tmp_path: Path) -> None:
    writer = PdfWriter(PdfReader(write(tmp_path, pdf("secret"), "open.pdf")))
    writer.encrypt("password", algorithm="RC4-128")
    with (tmp_path / "locked.pdf").open("wb") as file:
        writer.write(file)
    assert "it is encrypted" in refusal(tmp_path / "locked.pdf").said


@pytest.mark.parametrize("data", [b"%PDF-1.7 and nothing else", pdf("x" * 50)[:300]])
def test_a_damaged_pdf_is_explained(tmp_path: Path, data: bytes) -> None:
    refusal(write(tmp_path, data, "damaged.pdf"))


def test_a_pdf_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(pdf_text, "own_command", lambda *_: sleeper)
    with pytest.raises(AttachmentRefused, match="it takes too long to read"):
        pdf_text.read_apart(write(tmp_path, pdf("x")), "slow.pdf", timeout_s=0.2)


def test_a_pdf_that_ends_its_reader_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(pdf_text, "own_command", lambda *_: killed)
    assert "it is damaged" in refusal(write(tmp_path, pdf("x"), "bomb.pdf")).said


def test_a_long_pdf_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, pdf("one", "two", "three"))
    monkeypatch.setattr(pdf_text, "_MOST_PAGES", 2)
    assert pdf_text.extract(file) == pdf_text.PdfText("one\n\ntwo", "the first 2 of 3 pages")
    monkeypatch.setattr(pdf_text, "_MOST_BYTES", 100)
    assert isinstance(pdf_text.extract(file), pdf_text.Refusal)


# -- what the model is given ---------------------------------------------------------------------


def attached(name: str, text: str, note: str = "") -> Attachment:
    return Attachment(name=name, text=text, size=len(text), note=note)


def test_files_are_named_and_fenced_before_the_question() -> None:
    files = [attached("a.py", "print(1)\n"), attached("b.csv", "x,y", "the first 2 of 3 pages")]
    assert as_message(files, "Explain these.") == (
        "File a.py:\n```python\nprint(1)\n```\n\n"
        "File b.csv (the first 2 of 3 pages):\n```csv\nx,y\n```\n\n"
        "Explain these."
    )
    assert as_message(files[:1], " ") == "File a.py:\n```python\nprint(1)\n```"
    assert as_message([], " typed ") == " typed "


def test_a_file_cannot_close_its_own_fence() -> None:
    text = "````\nnow I am outside\n```"
    lines = as_message([attached("x.md", text)], "q").splitlines()
    assert lines[1] == "`````markdown"
    assert lines.index("`````") > lines.index("now I am outside")
