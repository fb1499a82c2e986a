"""What Qt's Markdown leaves plain: room between lines, boxes around code, lines of tables.

Works on a QTextDocument that has just been filled; knows nothing of widgets.
"""

from PySide6.QtGui import (
    QColor,
    QFontDatabase,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrame,
    QTextFrameFormat,
    QTextTable,
)

_LINE_HEIGHT = 140.0  # per cent
_CODE_LINE_HEIGHT = 125.0
_CODE_PADDING = 12.0  # px
_LIST_GAP = 1.0  # px between the items of a list
_TABLE_GAP = 8.0  # px around a table
_CELL_PADDING = 6.0
_FRAME_GAP = 8.0  # px of the empty lines that Qt needs around a frame

_Proportional = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_Fixed = QTextBlockFormat.LineHeightTypes.FixedHeight.value
_CODE = QTextFormat.Property.BlockCodeFence.value


def dress(document: QTextDocument, code: QColor, lines: QColor) -> None:
    """Style all of `document`: `code` is the background of code, `lines` the colour of tables."""
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    roomy = QTextBlockFormat()
    roomy.setLineHeight(_LINE_HEIGHT, _Proportional)
    cursor.select(QTextCursor.SelectionType.Document)
    cursor.mergeBlockFormat(roomy)
    runs = _code_runs(document, cursor)
    # From the end, since a frame moves what comes after it.
    for first, last in reversed(runs):
        cursor.setPosition(first)
        cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
        _box(document, cursor, code)
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _rule(frame, lines)
    cursor.endEditBlock()


def _code_runs(document: QTextDocument, cursor: QTextCursor) -> list[tuple[int, int]]:
    """Return the first and last position of each run of code lines; on the way, tighten lists."""
    tight = QTextBlockFormat()
    tight.setTopMargin(_LIST_GAP)
    tight.setBottomMargin(_LIST_GAP)
    runs: list[tuple[int, int]] = []
    in_code = False
    block = document.firstBlock()
    while block.isValid():
        form = block.blockFormat()
        was_in_code, in_code = in_code, form.hasProperty(_CODE)
        end = block.position() + block.length() - 1
        if in_code:
            start = runs.pop()[0] if was_in_code else block.position()
            runs.append((start, end))
        elif form.objectIndex() >= 0 and block.textList() is not None:
            cursor.setPosition(block.position())
            cursor.mergeBlockFormat(tight)
        block = block.next()
    return runs


def _box(document: QTextDocument, cursor: QTextCursor, background: QColor) -> None:
    """Put the selected lines of code into a box."""
    form = QTextFrameFormat()
    form.setBackground(background)
    form.setPadding(_CODE_PADDING)
    frame: QTextFrame = cursor.insertFrame(form)
    inside = QTextCursor(document)
    inside.setPosition(frame.firstPosition())
    inside.setPosition(frame.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
    line = QTextBlockFormat()
    line.setLineHeight(_CODE_LINE_HEIGHT, _Proportional)
    line.setNonBreakableLines(False)  # wrapped, since there is no sideways scrolling
    inside.mergeBlockFormat(line)
    inside.mergeCharFormat(_fixed_width())
    _shrink(document.findBlock(frame.firstPosition() - 1))
    _shrink(document.findBlock(frame.lastPosition() + 1))


def _shrink(block: QTextBlock) -> None:
    """Make an empty line all but disappear."""
    if not block.text():
        small = QTextBlockFormat()
        small.setLineHeight(_FRAME_GAP, _Fixed)
        QTextCursor(block).setBlockFormat(small)


def _rule(table: QTextTable, colour: QColor) -> None:
    form = table.format()
    form.setBorderCollapse(True)
    form.setBorder(1)
    form.setBorderBrush(colour)
    form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    form.setCellPadding(_CELL_PADDING)
    form.setTopMargin(_TABLE_GAP)
    form.setBottomMargin(_TABLE_GAP)
    table.setFormat(form)


def _fixed_width() -> QTextCharFormat:
    letters = QTextCharFormat()
    letters.setFontFamilies([QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()])
    letters.setFontFixedPitch(True)
    return letters
