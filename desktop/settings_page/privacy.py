"""Privacy & network: sealed mode, what Tern connects to, and what it has connected to."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.settings_page.ledger_table import LedgerModel
from desktop.translation import mark, tr, trn
from desktop.widgets import button, check, label, plain_label, styled
from engine.network import Connection

_PROMISE = mark(
    "Tern connects to {host} when you search for a model, look at one or download one, and to the "
    "servers that it names for the files. It connects to nothing else, and never by itself: no "
    "telemetry, no updates, no fonts, no pictures."
)


class PrivacySection(QWidget):
    """What leaves this computer: nothing unasked, and nothing at all in sealed mode."""

    sealed_wanted = Signal(bool)
    token_unwanted = Signal()
    ledger_wanted = Signal()

    def __init__(self, host: str) -> None:
        super().__init__()
        self.sealed = check(
            "Sealed mode: connect to nothing at all", "Every connection is refused while it is on."
        )
        self.token = label("", "plain", wraps=True)
        self.forget = button("Forget the token", "outlined")
        self.forget.hide()
        self.connections = LedgerModel()
        self.table = styled(QTableView(), "ledger")
        self.count = label("", "muted", wraps=True)
        self.again = button("Read again", "outlined", "Read the ledger anew")
        self._lay_out(host)
        self.sealed.clicked.connect(self.sealed_wanted)
        self.forget.clicked.connect(self.token_unwanted)
        self.again.clicked.connect(self.ledger_wanted)

    def _lay_out(self, host: str) -> None:
        self._prepare_table()
        tokens, counts = QHBoxLayout(), QHBoxLayout()
        tokens.addWidget(self.token, 1)
        tokens.addWidget(self.forget)
        counts.addWidget(self.count, 1)
        counts.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.sealed)
        column.addWidget(plain_label(tr(_PROMISE, host=host), "muted", wraps=True))
        column.addLayout(tokens)
        column.addWidget(label("Connections so far", "section"))
        column.addLayout(counts)
        column.addWidget(self.table)

    def _prepare_table(self) -> None:
        table = self.table
        table.setModel(self.connections)
        table.setAccessibleName(tr("Connections so far"))
        table.setMinimumHeight(240)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        for corner in table.findChildren(QAbstractButton):
            corner.setAccessibleName(tr("All connections"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)

    def show_sealed(self, is_sealed: bool) -> None:
        """Show how the switch stands."""
        self.sealed.setChecked(is_sealed)

    @Slot(bool)
    def show_token(self, has_token: bool) -> None:
        """Say whether there is an access token for the Hub."""
        self.token.setText(
            tr(
                "There is an access token for gated models (in the keyring, in HF_TOKEN, or of the "
                "Hub's own login)."
            )
            if has_token
            else tr("There is no access token; a gated model asks for one.")
        )
        self.forget.setVisible(has_token)

    @Slot(object)
    def show_ledger(self, connections: Sequence[Connection]) -> None:
        """List the connections that were made or refused."""
        self.connections.show(connections)
        self.table.setVisible(bool(connections))
        self.count.setText(
            trn(
                "{count} connection, the newest first.",
                "{count} connections, the newest first.",
                len(connections),
            )
            if connections
            else tr("None so far.")
        )
