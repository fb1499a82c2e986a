"""The tokens of the divergence view as a table, for those who read rather than look."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.lab_page import tokens
from desktop.lab_page.figures import nats
from desktop.translation import number, tr
from engine.messages import ForcedToken

Index = QModelIndex | QPersistentModelIndex
_NONE = QModelIndex()


class TokenTable(QAbstractTableModel):
    """A row a token: its place, its text, KL, whether both agree, and what both think likeliest."""

    def __init__(self) -> None:
        super().__init__()
        self._tokens: Sequence[ForcedToken] = ()
        self._names = ("", "")
        self._departs: int | None = None

    def show_tokens(self, tokens: Sequence[ForcedToken], reference: str, variant: str) -> None:
        """Show `tokens` of the reference's answer."""
        self.beginResetModel()
        self._tokens, self._names = tokens, (reference, variant)
        self._departs = next((i for i, token in enumerate(tokens) if not token.agrees), None)
        self.endResetModel()

    def rowCount(self, parent: Index = _NONE) -> int:
        """One a token."""
        return 0 if parent.isValid() else len(self._tokens)

    def columnCount(self, parent: Index = _NONE) -> int:
        """As `headerData` names them."""
        return 0 if parent.isValid() else 6

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name the columns."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        reference, variant = self._names
        return (
            tr("Place"),
            tr("Token"),
            tr("KL, nats"),
            tr("Same choice"),
            tr("Likeliest in {name}", name=reference),
            tr("Likeliest in {name}", name=variant),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value in words."""
        if role != Qt.ItemDataRole.DisplayRole or index.row() >= len(self._tokens):
            return None
        token = self._tokens[index.row()]
        return (
            number(f"{index.row() + 1:,}"),
            tokens.quoted(token.text),
            nats(token.kl),
            self._agreement(index.row(), token),
            tokens.likely(token.reference_top, ", "),
            tokens.likely(token.top, ", "),
        )[index.column()]

    def _agreement(self, place: int, token: ForcedToken) -> str:
        if token.agrees:
            return tr("yes")
        return tr("no, the first") if place == self._departs else tr("no")
