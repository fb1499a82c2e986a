"""The grammar of the command line: commands, options, their ranges and the help."""

import argparse
from typing import get_args

from engine.cli.lab_options import add_compare, add_sizing, add_threads
from engine.cli.ranges import number
from engine.cli.store_options import add_models, add_network, add_regardless
from engine.doctor import tern_version
from engine.messages import KernelChoice, LowPrecision, Overflow, Precision
from engine.models import DEMO

_PRECISIONS = tuple(precision.value for precision in Precision)

_EPILOG = """\
`tern` alone opens the window.

examples:
  tern generate --prompt "What is 3 plus 4?"
  tern chat --model ~/models/SmolLM2-1.7B-Instruct --precision int4
  tern generate --model Qwen/Qwen3-0.6B --precision int8 --prompt - --json < question.txt
  tern bench --model demo --precision all
  tern perplexity --model demo --precision int4 --text book.txt
  tern compare --precisions bf16,int4 --prompts questions.txt --report costs.html
  tern models catalogue
  tern models download HuggingFaceTB/SmolLM2-360M-Instruct
  tern doctor
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="tern",
        description="Chat with Hugging Face models on this computer's own CPU.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tern {tern_version()}")
    _add_debug(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_generate(_command(commands, "generate", "write one reply"))
    _add_chat(_command(commands, "chat", "hold a conversation in the terminal"))
    _add_bench(_command(commands, "bench", "measure speed and memory"))
    _add_perplexity(_command(commands, "perplexity", "measure how well a precision predicts text"))
    _add_lab(commands)
    doctor = _command(commands, "doctor", "show what this computer offers and what Tern picks")
    doctor.add_argument(
        "--bundle",
        nargs="?",
        const="",
        metavar="FILE",
        help="write it into a support archive (zip), with versions, settings and logs, and list "
        "what is in it: never chats, prompts, answers or access tokens",
    )
    _add_json(doctor)
    models = _command(commands, "models", "find, download, keep and delete models")
    verbs = models.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        parser = _command(verbs, name, summary)
        _add_json(parser)
        return parser

    add_models(verb)
    network = _command(commands, "network", "list the connections that were made, or forbid all")
    add_network(network)
    _add_json(network)
    # `bench` and `doctor` run these as processes of their own; the help leaves them out.
    commands.add_parser("ipex-level", allow_abbrev=False)
    commands.add_parser("network-filter", allow_abbrev=False)
    bandwidth = commands.add_parser("read-bandwidth", allow_abbrev=False)
    bandwidth.add_argument("--cores", required=True)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    _add_debug(parser)
    return parser


def _add_debug(parser: argparse.ArgumentParser) -> None:
    # SUPPRESS: a command's own default must not undo `tern --debug COMMAND`.
    text = "show the traceback of a bug"
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=text)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt", metavar="T", help='what to answer; "-" reads standard input')
    prompt.add_argument("--messages", metavar="F", help="JSON list of {role, content}")
    parser.add_argument("--raw", action="store_true", help="continue the prompt, no chat template")
    _add_model(parser)
    _add_precision(parser)
    _add_sampling(parser)
    _add_json(parser)


def _add_chat(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    _add_precision(parser)
    _add_sampling(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "--precision", choices=("all", *_PRECISIONS), default="all", help="default: all, in turn"
    )
    _add_quantisation(parser)
    for option, default, text in (
        ("--prompt-tokens", 128, "length of the prompts"),
        ("--new-tokens", 64, "length of the replies"),
        ("--repeats", 5, "measured replies, after a warm-up"),
    ):
        low = 1 if option == "--repeats" else 2
        parser.add_argument(
            option, type=number(int, low, 2**24), default=default, help=f"{text}; default {default}"
        )
    _add_json(parser)


def _add_perplexity(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    _add_precision(parser)
    parser.add_argument("--text", metavar="F", required=True, help='text file; "-" reads stdin')
    parser.add_argument("--context", type=number(int, 2, 2**24), metavar="C", help="window, tokens")
    parser.add_argument("--max-tokens", type=number(int, 2, 2**40), metavar="N", help="score fewer")
    _add_json(parser)


def _add_lab(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    compare = _command(commands, "compare", "compare precisions: speed, memory and quality")
    threads = _command(commands, "threads", "measure how many threads are best")
    sizing = _command(commands, "sizing", "work out what speed a number of sessions needs")
    _add_model(compare)
    add_compare(compare)
    _add_quantisation(compare)
    add_threads(threads)
    add_sizing(sizing)
    for parser in (compare, threads, sizing):
        _add_json(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default=DEMO, metavar="M", help="demo, a folder or a hub id; default demo"
    )
    parser.add_argument(
        "--kernel", choices=get_args(KernelChoice), default="auto", help="default: auto"
    )
    parser.add_argument(
        "--threads", type=number(int, 1, 2**16), metavar="N", help="default: the physical cores"
    )
    add_regardless(parser)


def _add_precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        choices=_PRECISIONS,
        default="bf16",
        help="number format of the weights; default bf16",
    )
    _add_quantisation(parser)


def _alpha(text: str) -> float | None:
    return None if text == "search" else number(float, 0, 1)(text)


_alpha.__name__ = "number from 0 to 1"  # argparse's error names it


def _add_quantisation(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("quantisation (the defaults suit chat models)")
    group.add_argument(
        "--alpha",
        type=_alpha,
        default=0.5,
        metavar="X",
        help='SmoothQuant\'s alpha, 0 to 1; "search" tries several (IPEX); default 0.5',
    )
    group.add_argument("--calibration", default="", metavar="F", help="text to calibrate on")
    samples, length = number(int, 0, 2**20), number(int, 2, 2**20)
    group.add_argument(
        "--calibration-samples",
        type=samples,
        default=48,
        metavar="N",
        help="0 is quick and less exact (native); default 48",
    )
    group.add_argument("--calibration-length", type=length, default=64, metavar="N", help="tokens")
    group.add_argument(
        "--weight-only", action="store_true", help="int8 weights, float activations (IPEX)"
    )
    group.add_argument("--group-size", type=int, metavar="N", help="weights a scale (IPEX)")
    group.add_argument("--symmetric", action="store_true", help="no zero points (IPEX)")
    group.add_argument(
        "--lowp-mode",
        choices=get_args(LowPrecision),
        default="auto",
        help="lowest precision to compute in, weight-only (IPEX)",
    )


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sampling (default: what the model recommends)")
    group.add_argument("--system", metavar="T", help="instructions that come before everything")
    group.add_argument("--max-new-tokens", type=number(int, 1, 2**40), metavar="N")
    group.add_argument("--temperature", type=number(float, 0), metavar="X", help="0 is greedy")
    group.add_argument("--top-k", type=number(int, 0, 2**40), metavar="K", help="0 is off")
    group.add_argument("--top-p", type=number(float, 0, 1, above=True), metavar="P")
    group.add_argument("--min-p", type=number(float, 0, 1), metavar="P")
    group.add_argument("--repetition-penalty", type=number(float, 0, above=True), metavar="X")
    for option in ("--presence-penalty", "--frequency-penalty"):
        group.add_argument(option, type=number(float, -2, 2), metavar="X", help="-2 to 2; 0 is off")
    group.add_argument("--seed", type=number(int, 0, 2**63 - 1), metavar="S")
    group.add_argument("--stop", action="append", default=[], metavar="S", help="may be repeated")
    group.add_argument("--context-length", type=number(int, 1, 2**40), metavar="N", help="tokens")
    group.add_argument(
        "--overflow",
        choices=get_args(Overflow),
        default="stop",
        help="what to do when the context is full; default stop",
    )
