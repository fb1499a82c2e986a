"""Nothing connects unless it was declared, nothing at all when sealed; each connection is noted."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.client import EngineClient
from engine.errors import OfflineByVariable, Sealed, UndeclaredConnection
from engine.messages import Ready
from engine.network import Ledger, Network
from engine.network_filter import deny_internet, is_denied, why_not_here
from engine.paths import Paths
from engine.store.hub import Hub
from tests.store.hub_server import HubServer


@pytest.fixture
def listener() -> socket.socket:
    """A socket that something could connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_that_was_not_declared_is_refused_and_noted(
    network: Network, listener: socket.socket
) -> None:
    address = listener.getsockname()
    with pytest.raises(UndeclaredConnection, match=r"127\.0\.0\.1"):
        socket.create_connection(address)
    listener.settimeout(0.1)
    with pytest.raises(TimeoutError):
        listener.accept()
    assert [(c.host, c.allowed) for c in network.ledger.read()] == [("127.0.0.1", False)]


@pytest.mark.parametrize(
    "leak",
    [
        lambda address: socket.socket().connect(address),
        lambda address: socket.socket().connect_ex(address),
        lambda address: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", address),
        lambda address: socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, address),
        lambda address: socket.socket(socket.AF_INET6).connect(("::1", address[1])),
        lambda _address: socket.getaddrinfo("example.com", 443),
        lambda _address: socket.gethostbyname("example.com"),
        lambda _address: socket.gethostbyname_ex("example.com"),
        lambda _address: socket.gethostbyaddr("127.0.0.1"),
        lambda _address: socket.getnameinfo(("127.0.0.1", 80), 0),
    ],
)
def test_no_way_out_of_a_process_is_left_open(
    leak: object, network: Network, listener: socket.socket
) -> None:
    with pytest.raises(UndeclaredConnection):
        leak(listener.getsockname())
    # Undeclared in another thread too, while this one has a purpose.
    outcome: list[BaseException] = []

    def elsewhere() -> None:
        try:
            leak(listener.getsockname())
        except BaseException as error:
            outcome.append(error)

    with network.purpose("a test"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert [type(error) for error in outcome] == [UndeclaredConnection]


def test_sockets_of_this_computer_are_left_alone(network: Network, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as one:
        server.bind(str(tmp_path / "s"))
        server.listen()
        one.connect(str(tmp_path / "s"))
    assert network.ledger.read() == []


def test_the_ledger_says_who_was_reached_when_and_why(
    hub: HubServer, network: Network, client: Hub
) -> None:
    hub.add_model("tern/demo")
    client.search("demo")
    client.describe("tern/demo")
    port = int(hub.url.rpartition(":")[2])
    newest, *_, oldest = network.ledger.read()
    assert (oldest.why, newest.why) == ("Searching the Hub", "Reading about tern/demo")
    assert {(c.host, c.port, c.allowed) for c in network.ledger.read()} == {
        ("127.0.0.1", port, True)
    }
    assert oldest.at <= newest.at
    assert newest.at.endswith("+00:00")


def test_the_ledger_keeps_the_newest_and_stays_small(tmp_path: Path, network: Network) -> None:
    ledger = network.ledger
    with network.purpose("a test " + "x" * 2000):
        for port in range(20_000, 20_600):
            with socket.socket() as probe:
                probe.connect_ex(("127.0.0.1", port))
    files = list((tmp_path / "logs").iterdir())
    assert sum(file.stat().st_size for file in files) < 1_100_000
    assert [c.port for c in ledger.read(3)] == [20_599, 20_598, 20_597]


def test_a_damaged_line_of_the_ledger_hides_no_other(tmp_path: Path, network: Network) -> None:
    with network.purpose("first"), socket.socket() as probe:
        probe.connect_ex(("127.0.0.1", 9))
    with (tmp_path / "logs" / "network.jsonl").open("ab") as file:
        file.write(b'{"at": 3}\n\xff\xfe\n')
    with network.purpose("second"), socket.socket() as probe:
        probe.connect_ex(("127.0.0.1", 9))
    assert [c.why for c in network.ledger.read()] == ["second", "first"]


def test_a_disk_that_refuses_the_ledger_stops_nothing(tmp_path: Path, hub: HubServer) -> None:
    (tmp_path / "file").write_text("in the way")
    network = Network(Ledger(tmp_path / "file" / "network.jsonl"))
    with network.guard():
        assert Hub(network).search() == []


# -- sealed --------------------------------------------------------------------------------------


def test_sealed_mode_lets_nothing_leave(hub: HubServer, tmp_path: Path) -> None:
    network = Network(Ledger(tmp_path / "network.jsonl"), sealed=lambda: True)
    client = Hub(network)
    with network.guard():
        for attempt in (client.search, lambda: client.describe("tern/demo")):
            with pytest.raises(Sealed, match="settings"):
                attempt()
        # Nor does whatever else would connect by itself.
        with pytest.raises(Sealed):
            socket.create_connection(("127.0.0.1", 9))
    assert hub.log == []


def test_a_connection_that_is_still_open_is_not_used_once_sealed(
    hub: HubServer, tmp_path: Path
) -> None:
    sealed = threading.Event()
    network = Network(Ledger(tmp_path / "network.jsonl"), sealed.is_set)
    with network.guard(), network.purpose("a test"), Hub(network).session() as session:
        session.get(f"{hub.url}/api/models")
        sealed.set()
        with pytest.raises(Sealed):
            session.get(f"{hub.url}/api/models")
    assert len(hub.log) == 1


def test_the_offline_variable_seals_too(
    hub: HubServer, client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineByVariable, match="HF_HUB_OFFLINE"):
        client.search()
    assert hub.log == []


_SEALED_PROCESS = """
import sys, threading
from pathlib import Path
from engine.errors import Sealed
from engine.network import Ledger, Network
from engine.store.downloads import Downloads
from engine.store.hub import Hub
from engine.store.reference import Reference
home = Path(sys.argv[1])
network = Network(Ledger(home / "ledger.jsonl"), sealed=lambda: True)
refused = threading.Event()
def listen(states):
    if any(state.phase == "failed" for state in states):
        print(states[0].sentence, flush=True)
        refused.set()
with network.guard():
    hub = Hub(network)
    for attempt in (hub.search, lambda: hub.describe("tern/demo")):
        try:
            attempt()
        except Sealed as error:
            print(error.said)
    queue = Downloads(hub, lambda: home, home / "queue.json", listen)
    queue.add(Reference("tern/demo"))
    assert refused.wait(30)
    queue.close()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_sealed_process_makes_no_system_call_that_connects(
    hub: HubServer, tmp_path: Path
) -> None:
    """What Python's own hook cannot see, the kernel sees: in a process traced by strace."""
    traced = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg", "-o", str(tmp_path / "calls")]
    command = [*traced, sys.executable, "-c", _SEALED_PROCESS, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "ptrace" in run.stderr and run.returncode:
        pytest.skip("may not trace")
    assert run.stdout.count("Sealed mode is on") == 3, run.stderr
    calls = (tmp_path / "calls").read_text()
    assert "AF_INET" not in calls
    assert hub.log == []


# -- the engine's process ------------------------------------------------------------------------

_ENGINE = """
import json, socket, sys, threading
import engine.worker
from engine.errors import TernError

def leak(self):
    found = []
    for attempt in (
        lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
        lambda: socket.getaddrinfo("huggingface.co", 443),
    ):
        try:
            attempt()
            found.append("connected")
        except TernError as error:
            found.append(error.kind)
    print(json.dumps(found), file=sys.stderr)

engine.worker.Worker.run = leak
sys.exit(engine.worker.main())
"""


def test_the_engine_process_connects_to_nothing(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    run = subprocess.run(
        [sys.executable, "-c", _ENGINE, str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "0"},
    )
    said = json.loads(run.stderr.splitlines()[-1])
    assert said == ["UndeclaredConnection", "UndeclaredConnection"]


_UNSEEN = """
import ctypes, json, socket, subprocess, sys, threading
import engine.worker

libc = ctypes.CDLL(None, use_errno=True)

def made(family):
    return libc.socket(family, 1, 0) >= 0

def leak(self):
    ready.set()
    thread.join()
    child = "import ctypes; print(ctypes.CDLL(None).socket(2, 1, 0) >= 0)"
    started = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
    found = {
        "internet": [made(socket.AF_INET), made(socket.AF_INET6), made(socket.AF_PACKET)],
        "earlier thread": found_elsewhere,
        "later process": started.stdout.strip(),
        "unix": made(socket.AF_UNIX),
        "io_uring": libc.syscall(425, 1, 0) >= 0 or ctypes.get_errno() != 1,
    }
    print(json.dumps(found), file=sys.stderr)

found_elsewhere, ready = [], threading.Event()

def other():
    ready.wait()
    found_elsewhere.append(made(socket.AF_INET))

thread = threading.Thread(target=other)
thread.start()
assert made(socket.AF_INET)
engine.worker.Worker.run = leak
sys.exit(engine.worker.main())
"""


@pytest.mark.skipif(bool(why_not_here()), reason=why_not_here())
def test_the_kernel_keeps_compiled_code_of_the_engine_from_the_internet(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _UNSEEN]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(run.stderr.splitlines()[-1]) == {
        "internet": [False, False, False],
        "earlier thread": [False],
        "later process": "False",
        "unix": True,
        "io_uring": False,
    }, run.stderr


@pytest.mark.skipif(bool(why_not_here()), reason=why_not_here())
def test_the_engine_s_own_processes_run_behind_the_filter(tern_home: Path) -> None:
    """The real one, started as the window starts it: the kernel says so of each of its threads."""
    client = EngineClient(Paths.default())
    client.start()
    try:
        assert isinstance(next(client.events()), Ready)
        for task in Path(f"/proc/{client.pid}/task").iterdir():
            status = (task / "status").read_text()
            assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    finally:
        client.close()


def test_another_machine_is_told_what_holds_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "riscv64" in why_not_here() and deny_internet() == why_not_here()
    assert not is_denied()
