"""`tern chat`: a conversation in the terminal, or over a pipe, one line a message.

The conversation lives here and not in the engine, so it outlives a crash and a change of
precision. Answers go to stdout, everything else to stderr.
"""

import argparse
import sys
from collections.abc import Callable

import msgspec

from engine.cli import console
from engine.cli.conversation import Conversation
from engine.cli.generate import AnswerStream, load_request
from engine.cli.inputs import as_text, sampling_from
from engine.cli.lines import LineReader
from engine.cli.session import ClientFactory, Explained, Session
from engine.errors import BadSetting, EngineDied, TernError
from engine.messages import Generate, Load, Precision
from engine.models import DEMO_NOTICE, resolve

_PRECISIONS = ", ".join(Precision)
_HELP = """\
/new            start a new conversation
/retry          answer the last message again
/precision P    go on in bf16, int8 or int4; the conversation is kept
/model M        go on with another model; the conversation is kept
/quit           end (so does Ctrl-D)
Ctrl-C stops an answer and keeps what has come. A line that ends with \\ goes on in the next one."""


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command. Over a pipe the exit code is that of the last message that failed."""
    as_text("--system", args.system or "")
    chat = Chat(make_client, args)
    try:
        return chat.run(LineReader())
    finally:
        chat.close()


class Chat:
    """The loop: a line, then a command or an answer."""

    def __init__(self, make_client: ClientFactory, args: argparse.Namespace) -> None:
        self._make_client = make_client
        self._load = load_request(args)
        self._request = Generate(request_id=0, sampling=sampling_from(args), overflow=args.overflow)
        self._conversation = Conversation(args.system)
        self._session: Session | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": lambda _: print(_HELP, file=sys.stderr),
            "/new": lambda _: self._new(),
            "/retry": lambda _: self._retry(),
            "/precision": self._set_precision,
            "/model": self._set_model,
        }

    def run(self, lines: LineReader) -> int:
        """Talk until the lines end; return the exit code."""
        session = self._ready()
        if session.loaded and session.loaded.is_demo:
            console.note(DEMO_NOTICE)
        if lines.at_terminal:
            console.note("/help lists the commands.")
        failed = 0
        while (line := lines.read()) is not None and line.strip() != "/quit":
            if not line.strip():
                continue
            try:
                self._handle(line)
                failed = 0
            except (TernError, Explained) as failure:
                console.error(failure.said, failure.advice)
                failed = failure.exit_code
            except KeyboardInterrupt:  # in loading, or a second one: do not wait for the engine
                if not lines.at_terminal:
                    raise
                self._give_up()
        return 0 if lines.at_terminal else failed

    def close(self) -> None:
        """End the engine process, if there is one."""
        if self._session:
            self._session.close()
            self._session = None

    def _handle(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if not line.startswith("/"):
            self._answer(line)
        elif name in self._commands:
            self._commands[name](argument.strip())
        else:
            raise Explained(
                f"There is no command {name}.",
                "/help lists them; put a space first to send the line as a message.",
            )

    def _ready(self) -> Session:
        """Return a session with the model loaded; start one where there is none any more."""
        try:
            if self._session:
                self._session.check()
        except EngineDied as death:
            console.error(death.said, death.advice)
            self.close()
        if self._session is None:
            self._session = Session(self._make_client).__enter__()
            try:
                console.note(console.describe(self._session.load(self._load)))
            except BaseException:
                self._session.close(at_once=True)
                self._session = None
                raise
        return self._session

    def _answer(self, question: str) -> None:
        """Stream the answer; keep what came of it, whatever ends it."""
        messages = self._conversation.ask(as_text("The message", question))
        answer = AnswerStream()
        try:
            session = self._ready()
            request = msgspec.structs.replace(self._request, messages=messages)
            with answer:
                done = session.generate(request, answer.show)
        except EngineDied as death:
            self.close()
            advice = f"{death.advice} The conversation is kept: go on, or /retry."
            raise Explained(death.said, advice) from death
        finally:
            self._conversation.answer(answer.text)
        if session.loaded:
            console.note(console.figures(session.loaded, done, session.memory))

    def _new(self) -> None:
        self._conversation.clear()
        console.note("A new conversation.")

    def _retry(self) -> None:
        question = self._conversation.last_question
        if question is None:
            raise Explained("There is nothing to answer again yet.", "Write a message first.")
        taken = self._conversation.take_back()
        try:
            self._answer(question)
        finally:
            self._conversation.put_back(taken)

    def _set_precision(self, name: str) -> None:
        if name not in tuple(Precision):
            raise BadSetting(name="The precision", value=name or "empty", allowed=_PRECISIONS)
        self._reload(msgspec.structs.replace(self._load, precision=Precision(name)))

    def _set_model(self, name: str) -> None:
        if not name:
            raise BadSetting(
                name="The model", value="empty", allowed="`demo`, a folder or a hub id"
            )
        self._reload(msgspec.structs.replace(self._load, model=resolve(name).name))

    def _reload(self, load: Load) -> None:
        """Load anew, in a new process: then its peak memory is of this model alone."""
        before, self._load = self._load, load
        self.close()
        try:
            self._ready()
        except BaseException:
            self._load = before  # which comes back with the next message
            raise

    def _give_up(self) -> None:
        if self._session:
            self._session.close(at_once=True)
            self._session = None
        print(file=sys.stderr)
        console.note("Given up. The engine starts again with the next message.")
