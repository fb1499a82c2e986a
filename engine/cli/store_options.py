"""The grammar of `tern models` and `tern network`."""

import argparse
from collections.abc import Callable
from typing import get_args

from engine.cli.ranges import number
from engine.store.hub import Sort

# add(name, summary): a subcommand's parser.
AddCommand = Callable[[str, str], argparse.ArgumentParser]


def add_models(verb: AddCommand) -> None:
    """Add the verbs of `tern models`."""
    model = verb("search", "search the Hugging Face Hub")
    model.add_argument("query", metavar="QUERY", nargs="?", default="")
    model.add_argument(
        "--sort", choices=get_args(Sort), default="downloads", help="default: downloads"
    )
    model.add_argument(
        "--limit", type=number(int, 1, 1000), default=30, metavar="N", help="default 30"
    )
    model = verb("show", "show a model, here or on the Hub, and whether it fits this computer")
    model.add_argument("model", metavar="MODEL", help="a model here, org/name or its address")
    model = verb("download", "download a model, or go on with it")
    model.add_argument("model", metavar="MODEL", help="org/name, org/name@revision or its address")
    add_regardless(model)
    verb("catalogue", "list models that are known to work, the best for this computer first")
    verb("list", "list the models on this computer")
    model = verb("import", "use a model folder, where it lies or as a copy")
    model.add_argument("folder", metavar="FOLDER")
    model.add_argument("--copy", action="store_true", help="copy it into the folder of models")
    model = verb("verify", "compare a model's files with the hashes that the Hub gave")
    model.add_argument("model", metavar="MODEL")
    model.add_argument(
        "--discard", action="store_true", help="delete damaged files; a download fetches them again"
    )
    model = verb("delete", "delete a model, and its packed weights")
    model.add_argument("model", metavar="MODEL")
    _add_yes(model)
    model = verb("move", "move all models to another folder or disk")
    model.add_argument("folder", metavar="FOLDER")
    _add_yes(model)
    _add_yes(verb("sweep", "delete packed weights that no model can use any more"))


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tern network`."""
    seal = parser.add_mutually_exclusive_group()
    seal.add_argument("--seal", action="store_true", help="allow no connection at all")
    seal.add_argument("--unseal", action="store_true", help="allow connections that are asked for")
    parser.add_argument(
        "--limit", type=number(int, 1, 10_000), default=20, metavar="N", help="default 20"
    )


def add_regardless(parser: argparse.ArgumentParser) -> None:
    """Add what goes on where memory will not suffice."""
    text = "go on even where memory will not suffice"
    parser.add_argument("--regardless", action="store_true", help=text)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it without asking")
