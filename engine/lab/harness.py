"""lm-evaluation-harness on Tern's engine: any of its tasks, in any precision.

    pip install tern-chat[lm-eval]
    python -m engine.lab.harness --model tern --model_args model=demo,precision=int4 --tasks …

Needs the harness, which fetches its tasks from the Hugging Face Hub by its own means; nothing else
in Tern imports this file. The model runs in this process. Continuations go through the kernels that
write answers, token by token, and what a question's choices share is read once; whole texts
(`loglikelihood_rolling`) go through those that read prompts, which round a little differently.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from engine.errors import BadSetting
from engine.forcing import Lesson, outlooks
from engine.generate import End, generate
from engine.hardware import read_cpu
from engine.kept_logits import Outlook
from engine.loader import LoadRequest, load
from engine.messages import ChatMessage, KernelChoice, Precision, SamplingSettings
from engine.models import DEMO, resolve
from engine.paths import Paths

Ids: TypeAlias = Sequence[int]

_NEW_TOKENS = 256  # of an answer, where the task does not say


@register_model("tern")
class TernLM(TemplateLM):  # type: ignore[misc]  # the harness is not typed
    """One model in one precision, as the harness asks it.

    model, precision, kernel and threads as on the command line; max_length: the context in tokens.
    The harness gives every model a batch size and a device, which have no meaning here. Raises
    BadSetting and what a load raises.
    """

    def __init__(
        self,
        model: str = DEMO,
        precision: str = "bf16",
        kernel: KernelChoice = "auto",
        max_length: int | None = None,
        threads: int | None = None,
        batch_size: object = None,
        max_batch_size: object = None,
        device: object = None,
    ) -> None:
        super().__init__()
        if precision not in list(Precision):
            raise BadSetting(name="precision", value=precision, allowed=", ".join(Precision))
        local = resolve(model)
        request = LoadRequest(
            local.folder,
            Precision(precision),
            kernel,
            max_length,
            Paths.default(),
            read_cpu().with_threads(threads),
        )
        self._loaded = load(request, lambda stage, done, total: None)
        self._name = f"{local.name} {precision}"

    @property
    def max_length(self) -> int:
        """The context in tokens."""
        return self._loaded.model.context_length

    @property
    def eot_token_id(self) -> int:
        """The id that ends a text, and that stands before one without a context."""
        return min(self._loaded.tokenizer.end_ids, default=0)

    @property
    def tokenizer_name(self) -> str:
        """What the harness tells caches of requests apart by."""
        return self._name

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Return the ids of a text; special tokens that it begins with are not added again."""
        tokenizer = self._loaded.tokenizer
        plain = tokenizer.encode(string, adds_special=False)
        if add_special_tokens is False:
            return plain
        whole = tokenizer.encode(string)
        begins_so = len(whole) > len(plain) and plain[:1] == whole[:1]
        return plain if begins_so else whole

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return a conversation as text. Raises NoChatTemplate or BadChatTemplate."""
        messages = [ChatMessage(**message) for message in chat_history]  # type: ignore[arg-type]
        if add_generation_prompt:
            return self._loaded.tokenizer.render(messages)
        return self._loaded.tokenizer.render(messages[:-1]) + messages[-1].content

    def loglikelihood_rolling(self, requests: Iterable[Any], **_: Any) -> list[float]:
        """Return the log-likelihood of each text, in windows of the context."""
        return [self._rolling(self.tok_encode(request.args[0])) for request in requests]

    def generate_until(self, requests: Iterable[Any], **_: Any) -> list[str]:
        """Return an answer to each request, up to one of its stop strings."""
        return [self._answer(*request.args) for request in requests]

    def _loglikelihood_tokens(
        self, requests: Iterable[tuple[object, Ids, Ids]], **_: Any
    ) -> list[tuple[float, bool]]:
        """Return each continuation's log-likelihood, and whether greedy decoding would write it."""
        return [self._continuation(context, answer) for _, context, answer in requests]

    def _continuation(self, context: Ids, answer: Ids) -> tuple[float, bool]:
        room = self.max_length - len(answer)
        if room < 1:
            raise BadSetting(
                name="A continuation", value=f"{len(answer)} tokens long", allowed="shorter"
            )
        lesson = Lesson(context[-room:], answer)
        model = self._loaded.model
        places = outlooks(model, lesson, lambda done, total: None)
        seen = [(place.nats, place.top[0] == token) for token, place in places]
        return -sum(nats for nats, _ in seen), all(greedy for _, greedy in seen)

    def _rolling(self, ids: list[int]) -> float:
        windows = get_rolling_token_windows(ids, self.prefix_token_id, self.max_length - 1, 1)
        return sum(self._window(*make_disjoint_window(window)) for window in windows)

    def _window(self, context: Ids, answer: Ids) -> float:
        ids = [*context, *answer]
        first, place, total = len(context) - 1, 0, 0.0
        for block in self._loaded.model.all_logits(ids[:-1]):
            for logits in block:
                if place >= first:
                    total -= Outlook.of(logits, ids[place + 1]).nats
                place += 1
        return total

    def _answer(self, context: str, options: dict[str, Any]) -> str:
        until = options.get("until") or []
        most = min(int(options.get("max_gen_toks", _NEW_TOKENS)), self.max_length - 1)
        settings = SamplingSettings(
            temperature=float(options.get("temperature", 1)) if options.get("do_sample") else 0,
            top_p=options.get("top_p"),
            top_k=options.get("top_k"),
            repetition_penalty=1,
            seed=0,
            stop=tuple([until] if isinstance(until, str) else until),
            max_new_tokens=most,
        )
        model, tokenizer = self._loaded.model, self._loaded.tokenizer
        prompt = self.tok_encode(context)[-(self.max_length - most) :]
        *_, end = generate(model, tokenizer, prompt, settings, lambda: False)
        assert isinstance(end, End)
        return end.text


def main() -> None:
    """Run the harness's own command line, with Tern's model known to it."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
