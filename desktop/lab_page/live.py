"""A comparison as far as it has come: what each variant wrote to each prompt. No Qt."""

from dataclasses import dataclass, field

from desktop import wording
from desktop.translation import line, number, tr
from engine.lab.records import Answer, Failure, Plan
from engine.lab.steps import Answered, GaveUp, Running, Step, Working, Wrote
from engine.messages import Loaded, Progress


@dataclass
class Writing:
    """One answer; `answer` once it is complete."""

    text: str = ""
    tokens: int = 0
    speed: float = 0.0
    answer: Answer | None = None

    @property
    def caption(self) -> str:
        """Its figures so far."""
        if not self.tokens:
            return ""
        speed = tr("{speed} tokens/s", speed=wording.speed(self.speed)) if self.speed > 0 else ""
        return line((wording.tokens(self.tokens), speed))


@dataclass
class LiveRun:
    """What a plan's steps have told. doing: what is being done now, in words."""

    plan: Plan
    doing: str = ""
    done: int = 0
    total: int = 0
    place: tuple[int, int] = (0, 0)  # variant and prompt that were written last
    loaded: dict[int, Loaded] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    writings: dict[tuple[int, int], Writing] = field(default_factory=dict)

    def writing(self, variant: int, prompt: int) -> Writing:
        """Return what `variant` has written to `prompt`."""
        return self.writings.setdefault((variant, prompt), Writing())

    def take(self, step: Step) -> None:
        """Take what has happened."""
        match step:
            case Working(variant, stage, done, total):
                told = wording.progress(Progress(request_id=0, stage=stage, done=done, total=total))
                self._tell(variant, told, done, total)
            case Running(variant, loaded):
                self.loaded[variant] = loaded
            case GaveUp(variant, failure):
                self.failures[variant] = failure
            case Wrote(variant, prompt, text, tokens, speed):
                if (variant, prompt) not in self.writings:
                    self._tell(variant, self._writing_words(prompt))
                self.place = (variant, prompt)
                writing = self.writing(variant, prompt)
                writing.text += text
                writing.tokens, writing.speed = tokens, speed
            case Answered(variant, prompt, answer):
                metrics = answer.metrics
                self.place = (variant, prompt)
                self.writings[variant, prompt] = Writing(
                    answer.text, metrics.completion_tokens, metrics.decode_tokens_per_s, answer
                )

    def _writing_words(self, prompt: int) -> str:
        if len(self.plan.prompts) == 1:
            return tr("Writing the answer")
        count, total = number(f"{prompt + 1:,}"), number(f"{len(self.plan.prompts):,}")
        return tr("Writing answer {count} of {total}", count=count, total=total)

    def _tell(self, variant: int, told: str, done: int = 0, total: int = 0) -> None:
        self.doing = f"{self.plan.variants[variant].label}: {told}"
        self.done, self.total = done, total
