"""What a command is given to read: a prompt, a conversation, a text file.

Raises FileUnreadable, EmptyPrompt, BadSetting or Explained; never leaves it to the engine to say
that a file is missing, because that takes seconds longer.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from engine.cli.session import Explained
from engine.errors import BadSetting, EmptyPrompt, FileUnreadable
from engine.messages import ChatMessage, Generate, Quantisation, SamplingSettings

STDIN = "-"
_CONVERSATION_EXAMPLE = '[{"role": "user", "content": "Hello"}]'


def read_text(name: str) -> str:
    """Return the text of file `name`, or of standard input for "-"."""
    shown = "standard input" if name == STDIN else name
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise FileUnreadable(file=shown, reason=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise FileUnreadable(file=shown, reason="it is not UTF-8 text") from error


def read_conversation(name: str) -> tuple[ChatMessage, ...]:
    """Return the messages in the JSON file `name`: a list of objects with role and content."""
    try:
        messages = msgspec.json.decode(read_text(name), type=tuple[ChatMessage, ...])
    except msgspec.DecodeError as error:
        raise Explained(
            f"The file {name} is not a conversation: {error}.",
            f"It must be a JSON list such as {_CONVERSATION_EXAMPLE}.",
        ) from error
    if not any(message.content.strip() for message in messages if message.role == "user"):
        raise EmptyPrompt()
    return messages


def as_text(option: str, value: str) -> str:
    """Return `value`, or raise BadSetting where its bytes on the command line were no text."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadSetting(name=option, value=ascii(value), allowed="UTF-8 text") from error
    return value


def sampling_from(args: argparse.Namespace) -> SamplingSettings:
    """Return the sampling options of the command line; what was not given stays None."""
    return SamplingSettings(
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        min_p=args.min_p,
        repetition_penalty=args.repetition_penalty,
        presence_penalty=args.presence_penalty,
        frequency_penalty=args.frequency_penalty,
        seed=args.seed,
        stop=tuple(as_text("--stop", stop) for stop in args.stop),
        max_new_tokens=args.max_new_tokens,
    )


def quantisation_from(args: argparse.Namespace) -> Quantisation:
    """Return how weights are to be rounded."""
    if args.calibration:
        read_text(args.calibration)
    return Quantisation(
        alpha=args.alpha,
        calibration=str(Path(args.calibration).absolute()) if args.calibration else "",
        samples=args.calibration_samples,
        length=args.calibration_length,
        weight_only=args.weight_only,
        group_size=args.group_size,
        symmetric=args.symmetric,
        lowp_mode=args.lowp_mode,
    )


def request_from(args: argparse.Namespace) -> Generate:
    """Return what `tern generate` is to ask for. Its request_id is set when it is sent."""
    sampling = sampling_from(args)
    if args.raw and (args.messages is not None or args.system is not None):
        raise BadSetting(
            name="--raw", value="combined with --messages or --system", allowed="used with --prompt"
        )
    if args.messages is not None:
        conversation = _with_system(read_conversation(args.messages), args.system)
        return _conversation_request(conversation, sampling, args)
    prompt = read_text(STDIN) if args.prompt == STDIN else as_text("--prompt", args.prompt)
    if not prompt.strip():
        raise EmptyPrompt()
    if args.raw:
        return Generate(request_id=0, prompt=prompt, sampling=sampling)
    conversation = _with_system((ChatMessage(role="user", content=prompt),), args.system)
    return _conversation_request(conversation, sampling, args)


def _conversation_request(
    messages: tuple[ChatMessage, ...], sampling: SamplingSettings, args: argparse.Namespace
) -> Generate:
    return Generate(request_id=0, messages=messages, sampling=sampling, overflow=args.overflow)


def _with_system(messages: tuple[ChatMessage, ...], system: str | None) -> tuple[ChatMessage, ...]:
    if system is None:
        return messages
    if messages[0].role == "system":
        raise BadSetting(
            name="--system", value="given", allowed="left out, as the file has a system message"
        )
    return (ChatMessage(role="system", content=as_text("--system", system)), *messages)
