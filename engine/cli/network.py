"""`tern network`: what was connected to and why, and whether anything may be."""

import argparse
from datetime import datetime

from engine.cli import console
from engine.cli.session import ClientFactory
from engine.cli.store import make_network, open_settings
from engine.network import Connection


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    settings, paths = open_settings()
    if args.seal or args.unseal:
        settings.save(sealed=args.seal)
    connections = make_network(paths).ledger.read(args.limit)
    if args.json:
        console.print_json({"sealed": settings.value.sealed, "connections": connections})
        return 0
    if settings.value.sealed:
        print("Sealed: Tern connects to nothing. `tern network --unseal` ends that.")
    else:
        print("Not sealed: Tern connects where you ask it to. `tern network --seal` forbids it.")
    for connection in connections:
        print(console.one_line(_line(connection)))
    if not connections:
        console.note("No connection has been made or refused.")
    return 0


def _line(connection: Connection) -> str:
    at = datetime.fromisoformat(connection.at).astimezone()
    verdict = "" if connection.allowed else "REFUSED  "
    place = f"{connection.host}:{connection.port}" if connection.port else connection.host
    return f"{at:%Y-%m-%d %H:%M:%S}  {verdict}{place}  {connection.why or 'for no stated reason'}"
