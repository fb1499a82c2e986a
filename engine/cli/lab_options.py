"""The grammar of `tern compare`, `tern threads` and `tern sizing`."""

import argparse
from typing import get_args

from engine.cli.compare import precisions
from engine.cli.ranges import number
from engine.messages import KernelChoice, Precision
from engine.models import DEMO


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tern compare`."""
    parser.add_argument(
        "--precisions",
        type=precisions,
        default=tuple(Precision),
        metavar="P,P",
        help="the first is the reference, fp32 may be; default bf16,int8,int4",
    )
    parser.add_argument(
        "--kernels",
        type=_kernels,
        default=(),
        metavar="K,K",
        help="compare kernels too: each precision with each of them",
    )
    parser.add_argument("--prompts", metavar="F", help="one a line, or a JSON list; up to 50")
    parser.add_argument("--prompt", metavar="T", action="append", default=[], help="repeatable")
    parser.add_argument("--raw", action="store_true", help="continue prompts, no chat template")
    parser.add_argument("--system", metavar="T", help="instructions that come before everything")
    parser.add_argument(
        "--max-new-tokens", type=number(int, 2, 2**24), default=128, metavar="N", help="default 128"
    )
    parser.add_argument(
        "--temperature", type=number(float, 0), default=0.0, metavar="X", help="default 0: greedy"
    )
    parser.add_argument("--seed", type=number(int, 0, 2**63 - 1), metavar="S")
    parser.add_argument("--context-length", type=number(int, 2, 2**40), metavar="N", help="tokens")
    parser.add_argument("--text", metavar="F", help="text file to measure perplexity on besides")
    parser.add_argument("--no-quality", action="store_true", help="compare speed and memory alone")
    parser.add_argument(
        "--report", metavar="F", action="append", default=[], help=".html or .json; repeatable"
    )
    parser.add_argument(
        "--against", metavar="F", help="an older JSON; exit code 4 where anything is worse now"
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tern threads`."""
    parser.add_argument("--model", default=DEMO, metavar="M", help="default demo")
    kernels = get_args(KernelChoice)
    parser.add_argument("--kernel", choices=kernels, default="auto", help="default: auto")
    names = tuple(precision.value for precision in Precision)
    parser.add_argument("--precision", choices=names, default="bf16", help="default bf16")
    remembered = parser.add_mutually_exclusive_group()
    remembered.add_argument("--apply", action="store_true", help="use the best from now on")
    remembered.add_argument("--forget", action="store_true", help="use the usual number again")


def add_sizing(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tern sizing`."""
    many, seconds = number(float, 0, 1e9, above=True), number(float, 0, 1e9)
    count = number(int, 1, 10**9)
    for option, kind, default, text in (
        ("--sessions", many, None, "sessions an hour"),
        ("--requests", count, None, "requests a session"),
        ("--tokens", count, None, "tokens a reply"),
        ("--overhead", seconds, 0.0, "seconds a session besides; default 0"),
        ("--reading", seconds, 0.0, "seconds of reading after each reply; default 0"),
        ("--session-time", many, None, "seconds that a session may take"),
    ):
        parser.add_argument(
            option, type=kind, default=default, required=default is None, metavar="N", help=text
        )


def _kernels(text: str) -> tuple[str, ...]:
    names, known = tuple(name.strip() for name in text.split(",")), get_args(KernelChoice)
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return names
