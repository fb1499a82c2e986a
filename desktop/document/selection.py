"""What is selected in a document -> Markdown."""

from collections.abc import Iterator

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument

from desktop.document.formula_object import SOURCE
from desktop.document.inline_writer import LINE_BREAK
from desktop.document.written import Written


def selected_markdown(document: QTextDocument, written: Written, start: int, end: int) -> str:
    """Return the selection from `start` to `end`: units that it holds whole as their Markdown.

    Of the others it is the text, as it stands there: code with its own line breaks, formulas as
    their source, list items with their marks.
    """
    ends = [first for first, _ in written.units[1:]] + [document.characterCount()]
    labels = {box.first for box in written.boxes if box.begins}
    parts: list[str] = []
    for (first, unit), after in zip(written.units, ends, strict=False):
        last = after - 1
        if last <= start or first >= end:
            continue
        if start <= first and last <= end:
            parts.append(unit.source)
        else:
            text = _text(document, labels, max(first, start), min(last, end))
            parts.append(text + "\n\n" if last <= end else text)
    return "".join(parts).strip("\n") if len(parts) > 1 else "".join(parts).rstrip("\n")


def _text(document: QTextDocument, labels: set[int], start: int, end: int) -> str:
    """Return the text from `start` to `end`, without the names of languages above code."""
    lines: list[str] = []
    block = document.findBlock(start)
    while block.isValid() and block.position() < end:
        if block.position() not in labels:
            mark = f"{block.textList().itemText(block)} " if block.textList() else ""
            is_whole = start <= block.position()
            text = "".join(_pieces(block, start, end))
            lines.append((mark if is_whole else "") + text)
        block = block.next()
    return "\n".join(lines)


def _pieces(block: QTextBlock, start: int, end: int) -> Iterator[str]:
    """Yield the text from `start` to `end` run by run. A cursor counts as Qt does, in UTF-16."""
    cursor = QTextCursor(block)
    runs = block.begin()
    while not runs.atEnd():
        run = runs.fragment()
        first, last = max(start, run.position()), min(end, run.position() + run.length())
        if first < last:
            cursor.setPosition(first)
            cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
            source = str(run.charFormat().property(SOURCE) or "")
            yield source or cursor.selectedText().replace(LINE_BREAK, "\n")
        runs += 1
