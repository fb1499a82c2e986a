"""`tern models`: the model store in the terminal."""

import argparse
from collections.abc import Callable

from engine.cli import models_hub, models_local, models_show
from engine.cli.session import ClientFactory

_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "search": models_hub.search,
    "show": models_show.show,
    "download": models_hub.fetch,
    "catalogue": models_hub.catalogue,
    "list": models_local.list_all,
    "import": models_local.import_one,
    "verify": models_local.verify_one,
    "delete": models_local.delete_one,
    "move": models_local.move_all,
    "sweep": models_local.sweep_packed,
}


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the verb that was given."""
    return _VERBS[args.verb](args)
