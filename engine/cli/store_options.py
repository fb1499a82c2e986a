"""The grammar of `tern models` and `tern network`."""

import argparse
from collections.abc import Callable

# add(name, summary): a subcommand's parser.
AddCommand = Callable[[str, str], argparse.ArgumentParser]


def add_models(verb: AddCommand) -> None:
    """Add the verbs of `tern models`."""
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


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it without asking")
