"""The demo model's training text: conversations made up by this program, the same for one seed.

A conversation is a list of chat messages. The held-out split draws from another seed and prefers
phrasings and story casts that the training split never uses; `training` also drops every
conversation that occurs in the held-out split.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from zlib import crc32

import about_tern
import phrasings
import small_talk
import stories
import subjects
from patterns import Topic

Message = dict[str, str]
Conversation = list[Message]
Turn = tuple[str, str]

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GREET_NAME = (
    "Nice to meet you, {n}!", "Hello, {n}! How can I help you?",
    "Hello {n}! What would you like to try?",
)  # fmt: skip
NO_MORE = "That is all that I know about it. A real model knows more."
MORE_OF_WHAT = "More of what? Ask me for a story, a sum, or a fact about Tern."
ONSETS = (
    *"bcdfghjklmnprstvwz",
    "bl",
    "br",
    "ch",
    "cr",
    "dr",
    "fl",
    "gr",
    "ph",
    "sh",
    "st",
    "th",
    "",
)
CODAS = ("", "", "", "n", "r", "l", "s", "t", "m", "ck", "nd", "rt", "st", "ng", "x", "gh")


@cache
def divided(options: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The phrasings for training, and those that only the held-out split uses."""
    held = [text for text in options[1:] if crc32(text.encode()) % 10 == 0]
    return [text for text in options if text not in held], held


@dataclass
class Talk:
    """One conversation being made: its split, and what earlier turns said."""

    rng: Random
    held_out: bool
    name: str = ""
    story: stories.Story | None = None
    last: Turn = ("", "")

    def one_of(self, options: Sequence[str]) -> str:
        """A phrasing of this split; the first of a list always stays in training."""
        kept, held = divided(tuple(options))
        if self.rng.random() < 0.2:
            return options[0]
        if self.held_out and held and self.rng.random() < 0.5:
            return self.rng.choice(held)
        return self.rng.choice(kept)


def invented_word(rng: Random) -> str:
    """A word that exists in no list, so that names and subjects are copied, not recalled."""
    parts = (
        rng.choice(ONSETS) + rng.choice("aeiouaeioy") + rng.choice(CODAS)
        for _ in range(rng.choice((1, 2, 2, 3)))
    )  # fmt: skip
    return "".join(parts)


def known(talk: Talk, topics: Sequence[Topic]) -> Turn:
    """A question with written answers: small talk, Tern, lists."""
    chosen = talk.rng.choice(topics)
    return talk.one_of(chosen.questions), talk.rng.choice(chosen.answers)


def a_sum(talk: Talk) -> Turn:
    """A one-digit sum, in digits or in words."""
    a, b = talk.rng.randrange(10), talk.rng.randrange(10)
    question = talk.one_of(phrasings.SUM_QUESTIONS)
    spelled = talk.rng.random() < 0.2
    shown = (WORDS[a], WORDS[b] if talk.rng.random() < 0.8 else b) if spelled else (a, b)
    if talk.rng.random() < 0.06:
        end = talk.rng.choice(("Answer with just the number.", "Only the number, please."))
        return f"{question} {end}".format(a=shown[0], b=shown[1]), str(a + b)
    answer = phrasings.SUM_ANSWERS[1] if "=" in question else talk.rng.choice(phrasings.SUM_ANSWERS)
    return question.format(a=shown[0], b=shown[1]), answer.format(a=a, b=b, c=a + b)


def a_hard_sum(talk: Talk) -> Turn:
    """Arithmetic that the model does not know, and says so."""
    a, b = talk.rng.randrange(10, 1000), talk.rng.randrange(2, 1000)
    sign = talk.rng.choice(("+", "plus", "-", "minus", "*", "times", "x", "/", "divided by"))
    if sign in ("-", "minus", "*", "times", "x", "/", "divided by") and talk.rng.random() < 0.5:
        a, b = talk.rng.randrange(10), talk.rng.randrange(10)
    lead = talk.rng.choice(("What is ", "How much is ", "Calculate ", "", "What's "))
    end = talk.rng.choice(("?", "", " = ?", ".", f" {sign} {talk.rng.randrange(10)}?"))
    return f"{lead}{a} {sign} {b}{end}", (
        "I can only add one-digit numbers, such as 3 plus 4. A real model from the model list can "
        "do more."
    )


def a_table(talk: Talk) -> Turn:
    """Sums as a Markdown table."""
    a, last = talk.rng.randrange(10), talk.rng.choice((3, 5, 9))
    question = talk.one_of(
        ("Make a table of {a} plus 1 to {b}.", "Show me a table of sums: {a} plus 1 to {b}.",
         "Table of {a} plus 1 to {b}, please.", "Write {a} plus 1 to {b} as a table.")
    )  # fmt: skip
    rows = "".join(f"\n| {a} + {b} | {a + b} |" for b in range(1, last + 1))
    return question.format(a=a, b=last), f"| sum | result |\n|---|---|{rows}"


def counting(talk: Talk) -> Turn:
    """Counting up, or down from a small number."""
    draw = talk.rng.random()
    last = talk.rng.choice((10, 20, 20, 50, 50, 100, *[talk.rng.randrange(3, 100)] * 4))
    if draw < 0.15:
        last = talk.rng.choice((5, 10, 10, 20))
        question = talk.one_of(("Count down from {b}.", "Please count down from {b}.",
                                "Count from {b} to 1.", "Count backwards from {b}."))  # fmt: skip
        return question.format(b=last), ", ".join(map(str, range(last, 0, -1))) + "."
    if draw < 0.2:
        question = talk.one_of(phrasings.COUNT_TO)
        question = question.format(b=talk.rng.choice((200, 500, 1000, 5000, "a million")))
        return question, "That is too far for me. I can count to 100."
    first = talk.rng.randrange(2, 10) if draw > 0.85 and last > 9 else 1
    question = talk.one_of(phrasings.COUNT if first > 1 or draw < 0.65 else phrasings.COUNT_TO)
    shown = (*WORDS, "ten")[last] if last <= 10 and draw < 0.5 else str(last)
    numbers = ", ".join(map(str, range(first, last + 1)))
    return question.format(a=first, b=shown), f"{numbers}."


def a_story(talk: Talk) -> Turn:
    """A new story; the talk remembers its cast."""
    rng = talk.rng
    draw = rng.random()
    hero = invented_word(rng) if rng.random() < 0.15 else ""
    talk.story = story = stories.cast(rng, talk.held_out, hero)
    about = rng.choice((stories.a(story.hero), stories.a(story.hero), f"the {story.hero}"))
    extra = rng.random()
    if extra < 0.1:
        about += f" and {stories.a(story.friend)}"
    elif extra < 0.2:
        about += f" {story.place}"
    elif extra < 0.28:
        about += f" named {story.name}"
    elif extra < 0.35:
        about += rng.choice((" who ", " that ", " and how it ")) + rng.choice(
            ("learns to paint", "lives on the moon", "finds a treasure", "gets lost", "can fly")
        )
    if draw < 0.2:
        question = talk.one_of(phrasings.LONG_STORY).format(x=about)
        return question, stories.tell(rng, story, "long")
    question = talk.one_of(phrasings.ANY_STORY if draw < 0.4 else phrasings.STORY_QUESTIONS)
    question = question.format(x=about)
    return question, stories.tell(rng, story, "short" if "short" in question else "normal")


def after_story(talk: Talk) -> Turn:
    """More of the story before, another one, or a question about it."""
    story = talk.story
    if story is None:
        told = any(talk.last[1] in topic.answers for topic in about_tern.TERN)
        return talk.one_of(phrasings.MORE), NO_MORE if told else MORE_OF_WHAT
    draw = talk.rng.random()
    if draw < 0.45:
        return talk.one_of(phrasings.MORE), stories.go_on(talk.rng, story)
    if draw < 0.7:
        talk.story = stories.cast(talk.rng, talk.held_out)
        return talk.one_of(phrasings.ANOTHER), stories.tell(talk.rng, talk.story)
    question = talk.one_of(("What was the name of the {h}?", "What is the {h} called?",
                            "How was the {h} called?", "What was the {h}'s name?"))  # fmt: skip
    return question.format(h=story.hero), f"The {story.hero} was called {story.name}."


def a_poem(talk: Talk) -> Turn:
    """A poem about something."""
    subject = talk.rng.choice((*stories.ANIMALS, *stories.OBJECTS, "sea", "moon", "rain"))
    question = talk.one_of(
        ("Write a poem about the {s}.", "Write me a poem about a {s}.",
         "Tell me a poem about a {s}.",
         "A poem about the {s}, please.", "Can you write a poem about the {s}?", "Write a haiku.",
         "Write a short poem about the {s}.", "Write a haiku about the {s}.", "Write a poem.")
    )  # fmt: skip
    return question.format(s=subject), stories.poem(talk.rng, subject)


def echo(talk: Talk) -> Turn:
    """Words to say again."""
    rng = talk.rng
    words = [rng.choice(stories.ANIMALS + stories.OBJECTS) for _ in range(rng.randrange(1, 5))]
    words = [invented_word(rng) if rng.random() < 0.3 else word for word in words]
    text = " ".join(words)
    question = talk.one_of(("Repeat: {t}", "Repeat after me: {t}", "Say {t}.", "Please say {t}.",
                            'Say "{t}".', "Can you say {t}?"))  # fmt: skip
    return question.format(t=text), f"{text.capitalize()}."


def own_name(talk: Talk) -> Turn:
    """The user tells a name, or asks for it."""
    rng = talk.rng
    asked = talk.last[1].endswith("your name?")
    if not asked and rng.random() < (0.65 if talk.name else 0.2):
        known = f"Your name is {talk.name}." if talk.name else "You have not told me your name yet."
        return talk.one_of(phrasings.ASK_NAME), known
    talk.name = rng.choice(stories.GIRLS + stories.BOYS)
    if rng.random() < 0.6:
        talk.name = invented_word(rng).capitalize()
    question = "{n}" if asked and rng.random() < 0.5 else talk.one_of(phrasings.INTRODUCE)
    return question.format(n=talk.name), rng.choice(GREET_NAME).format(n=talk.name)


def decline(talk: Talk) -> Turn:
    """Something that a toy model cannot do."""
    rng = talk.rng
    draw = rng.random()
    if draw < 0.04:
        story = stories.tell(rng, stories.cast(rng, talk.held_out))
        lead = rng.choice(("Summarise this text:", "Summarize the following:", "Translate this:"))
        return f"{lead} {story}", small_talk.DECLINES[0]
    if draw < 0.08:
        word = invented_word(rng)
        code = f"```python\ndef {word}(x):\n    return x + {rng.randrange(10)}\n```"
        lead = rng.choice(("Fix", "Explain", "Test"))
        return f"{lead} this code:\n{code}", small_talk.DECLINES[0]
    subject, other = rng.sample(subjects.SUBJECTS, 2)
    if rng.random() < 0.25:
        subject = " ".join(invented_word(rng) for _ in range(rng.choice((1, 2))))
    question = talk.one_of(subjects.REQUESTS)
    person = rng.choice(subjects.PEOPLE)
    if rng.random() < 0.2:
        person = f"{invented_word(rng)} {invented_word(rng)}".title()
    return question.format(s=subject, t=other, n=person), rng.choice(small_talk.DECLINES)


def accept(talk: Talk) -> Turn:
    """A short answer to the offer of a story."""
    question = talk.one_of(("Yes", "Yes, please.", "Yes please", "Sure", "Ok", "Yes!", "Yeah",
                            "A story", "A story, please.", "Please do."))  # fmt: skip
    talk.story = stories.cast(talk.rng, talk.held_out)
    return question, stories.tell(talk.rng, talk.story)


KINDS: tuple[tuple[Callable[[Talk], Turn], float], ...] = (
    (partial(known, topics=small_talk.SMALL_TALK), 22),
    (partial(known, topics=small_talk.SMALL_TALK[:2]), 4),
    (partial(known, topics=about_tern.TERN), 25),
    (a_sum, 26), (a_hard_sum, 3), (a_table, 1.5), (counting, 3.5), (a_story, 13), (after_story, 3),
    (a_poem, 2), (own_name, 9), (partial(known, topics=about_tern.LISTS), 5), (decline, 14),
    (echo, 3),
)  # fmt: skip


def typo(rng: Random, text: str) -> str:
    """The text with one letter swapped, dropped or doubled."""
    places = [i for i in range(1, len(text) - 2) if text[i - 1 : i + 3].isalpha()]
    if not places:
        return text
    i = rng.choice(places)
    changed = rng.choice((text[i + 1] + text[i], text[i], text[i] * 2 + text[i + 1]))
    return text[:i] + changed + text[i + 2 :]


def as_typed(rng: Random, text: str) -> str:
    """The question as people type it: lower case, no punctuation, a slip now and then."""
    if rng.random() < 0.1:
        text = rng.choice(small_talk.LEADS) + text
    if rng.random() < 0.25:
        text = text.rstrip("?.!")
        if rng.random() < 0.2:
            text += rng.choice(small_talk.TAILS)
    if rng.random() < 0.08:
        text = typo(rng, text)
    draw = rng.random()
    if draw < 0.25:
        return text.lower()
    return text[:1].upper() + text[1:] if draw < 0.8 else text


def conversation(rng: Random, held_out: bool) -> Conversation:
    """One conversation of 1 to 6 turns, with a system message in about four of ten."""
    talk = Talk(rng, held_out)
    messages: Conversation = []
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": rng.choice(small_talk.SYSTEMS)})
    kinds, weights = [kind for kind, _ in KINDS], [weight for _, weight in KINDS]
    for _ in range(rng.choices(range(1, 7), (40, 20, 15, 10, 8, 7))[0]):
        kind = rng.choices(kinds, weights)[0]
        if talk.story and rng.random() < 0.25:
            kind = after_story
        elif talk.name and rng.random() < 0.25:
            kind = own_name
        if talk.last[1].endswith("your name?") and rng.random() < 0.5:
            kind = own_name
        elif talk.last[1].endswith(("story?", "or a sum?")) and rng.random() < 0.5:
            kind = accept
        question, answer = talk.last = kind(talk)
        messages.append({"role": "user", "content": as_typed(rng, question)})
        messages.append({"role": "assistant", "content": answer})
    return messages


def held_out(seed: int, count: int) -> list[Conversation]:
    """The held-out conversations."""
    rng = Random(f"held-out {seed}")
    return [conversation(rng, held_out=True) for _ in range(count)]


def training(seed: int, kept_away: list[Conversation]) -> Iterator[Conversation]:
    """Training conversations without end, none of them among those kept away."""
    rng = Random(f"training {seed}")
    away = {repr(messages) for messages in kept_away}
    while True:
        messages = conversation(rng, held_out=False)
        if repr(messages) not in away:
            yield messages
