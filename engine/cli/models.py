"""`tern models list`: the models on this computer."""

import argparse

from engine.cli import console
from engine.cli.session import ClientFactory
from engine.models import local_models


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    found = local_models()
    if args.json:
        console.print_json(
            {
                "models": [
                    {
                        "name": model.name,
                        "title": model.title,
                        "folder": str(model.folder),
                        "size": model.size,
                        "is_demo": model.is_demo,
                    }
                    for model in found
                ]
            }
        )
        return 0
    width = max(len(model.name) for model in found)
    for model in found:
        name = console.one_line(model.name)
        print(
            f"{name:{width}}  {console.size(model.size):>9}  {console.one_line(str(model.folder))}"
        )
    return 0
