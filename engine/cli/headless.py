"""What Tern does with neither display nor terminal: ask the demo one question per precision."""

from engine.cli import console
from engine.cli.main import guarded
from engine.cli.session import ClientFactory, Explained, Session, default_client
from engine.errors import TernError
from engine.messages import ChatMessage, Chunk, Generate, Load, Precision, SamplingSettings
from engine.models import DEMO

_QUESTION = "What is 3 plus 4?"


def run(make_client: ClientFactory = default_client) -> int:
    """Print each precision's answer, speed and memory; return 0 if all answered, 3 otherwise."""
    console.use_forgiving_streams()
    return guarded(lambda: _run(make_client))


def _run(make_client: ClientFactory) -> int:
    print(f"{DEMO}: {_QUESTION}", flush=True)
    answered = [_ask(precision, make_client) for precision in Precision]
    return 0 if all(answered) else 3


def _ask(precision: Precision, make_client: ClientFactory) -> bool:
    """Print the answer in `precision`, in a process of its own; return whether there was one."""
    request = Generate(
        request_id=0,
        messages=(ChatMessage(role="user", content=_QUESTION),),
        sampling=SamplingSettings(temperature=0, max_new_tokens=64),
    )
    try:
        with Session(make_client) as session:
            loaded = session.load(Load(request_id=0, model=DEMO, precision=precision))
            done = session.generate(request, _ignore)
    except (TernError, Explained) as failure:
        console.error(f"{precision}: {failure.said}", failure.advice)
        return False
    if done.finish_reason == "stopped":
        raise KeyboardInterrupt
    measured = console.one_line(console.figures(loaded, done, None))
    print(f"{precision}: {console.one_line(done.text)}  [{measured}]", flush=True)
    return bool(done.text.strip())


def _ignore(_: Chunk) -> None:
    pass
