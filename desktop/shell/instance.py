"""One window a person: a second start hands its wishes to the first, which comes to the front.

Who is first is settled by a lock that the system drops when its process ends, however that ends;
so neither a crashed window nor the socket that it left behind is in the way.
"""

import hashlib
import os
from pathlib import Path

import msgspec
from filelock import BaseFileLock, FileLock, Timeout
from PySide6.QtCore import QObject, QStandardPaths, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from engine.messages import Precision
from engine.paths import Paths

_PATIENCE = 3000  # ms that the first window has to answer
_MOST = 64_000  # bytes of a wish
_TAKEN = b"taken"
_TOKEN = "XDG_ACTIVATION_TOKEN"  # what Wayland asks of a window that wants to come to the front


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a second start asks of the first window: to come forward, with this model."""

    model: str | None = None
    precision: Precision | None = None
    activation: str = ""

    @classmethod
    def of(cls, model: str | None, precision: Precision | None) -> "Wish":
        """Return the wish of this process, whose folder need not be that of the first one."""
        if model and Path(model).is_dir():
            model = str(Path(model).absolute())
        return cls(model=model, precision=precision, activation=os.environ.get(_TOKEN, ""))


class Instance(QObject):
    """The claim to be the first. `wished` carries a `Wish` of a later start."""

    wished = Signal(object)

    def __init__(self, paths: Paths, folder: Path | None = None) -> None:
        """folder: where lock and socket lie, in place of the person's runtime folder."""
        super().__init__()
        # Another TERN_HOME is another Tern. A hash, for the path of a socket must be short.
        name = "tern-" + hashlib.sha256(os.fsencode(paths.config)).hexdigest()[:16]
        self._place = (folder or _runtime_folder()) / name
        self._lock: BaseFileLock = FileLock(self._place.with_suffix(".lock"))
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Become the first and listen; return False where another one is, which still answers."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError:  # no place for a lock: better two windows than none
            return True
        self._listen()
        return True

    def hand_over(self, wish: Wish) -> bool:
        """Tell the first window the wish; return whether it took it."""
        socket = QLocalSocket()
        socket.connectToServer(str(self._socket_path))
        if not socket.waitForConnected(_PATIENCE):
            return False
        socket.write(msgspec.json.encode(wish) + b"\n")
        socket.flush()
        return socket.waitForReadyRead(_PATIENCE) and bytes(socket.readAll().data()) == _TAKEN

    def release(self) -> None:
        """Be the first no longer."""
        if self._server:
            self._server.close()
        self._lock.release()

    @property
    def _socket_path(self) -> Path:
        return self._place.with_suffix(".sock")

    def _listen(self) -> None:
        QLocalServer.removeServer(
            str(self._socket_path)
        )  # left behind by a crash: the lock is ours
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._server.listen(str(self._socket_path))

    def _on_connection(self) -> None:
        assert self._server
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._on_line)
            self._read(socket)

    @Slot()
    def _on_line(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if socket.bytesAvailable() > _MOST:
            socket.abort()
        if not socket.canReadLine():
            return
        try:
            wish = msgspec.json.decode(socket.readLine().data(), type=Wish)
        except (msgspec.DecodeError, UnicodeDecodeError):
            socket.abort()
            return
        socket.write(_TAKEN)
        socket.flush()
        if wish.activation:
            os.environ[_TOKEN] = wish.activation  # Qt takes it when the window is activated
        self.wished.emit(wish)


def _runtime_folder() -> Path:
    """Return the person's own folder for sockets, which Qt makes where the system has none."""
    place = QStandardPaths.StandardLocation
    found = QStandardPaths.writableLocation(place.RuntimeLocation)
    return Path(found or QStandardPaths.writableLocation(place.TempLocation))
