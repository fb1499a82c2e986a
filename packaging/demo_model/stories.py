"""Small stories and poems from a grammar. Every sentence is written here; nothing is quoted.

A story has a hero, a friend and a place, one problem with its own solution, and an ending. The
problem keeps its sentences together, so that the story stays coherent whatever is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar
from zlib import crc32


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


ANIMALS = words(
    "fox bear owl rabbit cat dog mouse hedgehog squirrel duck turtle frog deer wolf lion tiger "
    "elephant monkey horse pony goat sheep cow pig hen goose swan robin crow raven eagle tern "
    "seagull penguin seal whale dolphin fish crab snail bee ant spider butterfly beetle bat "
    "mole badger beaver otter lizard snake camel giraffe zebra panda koala parrot pigeon "
    "donkey lamb kitten puppy dragon robot unicorn giant wizard knight pirate princess prince "
    "king queen farmer baker sailor teacher gardener ghost snowman train boat cloud star "
    "teapot lamp"
)
GIRLS = words(
    "Ana Mia Lily Ella Nora Ruby Clara Ivy Rosa Zoe Luna Maya Emma Lena Alma Nina Tara Olga "
    "Vera Julia Sofia Aisha Yuki Leila Elena Sarah Anna Maria Kate Alice"
)
BOYS = words(
    "Ben Tom Max Sam Leo Finn Hugo Oscar Felix Paul Otto Jack Noah Theo Carl Milo Igor Hans "
    "Omar Pedro Ravi Kenji Amir Marco David Peter John Bob Alex Luis"
)
SHE = set(words("hen cow princess queen girl mother grandmother sister witch mermaid fairy"))
HE = set(words("wizard knight prince king boy father grandfather brother postman"))
THINGS = words(
    "spaceship tree mountain computer pencil chair clock candle shoe balloon umbrella bus bicycle "
    "rocket planet comet river leaf flower rose apple pumpkin carrot cookie cake cup bottle "
    "pillow blanket window house castle lighthouse shell pebble rock feather button needle violin "
    "trumpet piano doctor nurse pilot astronaut detective thief soldier painter singer dancer "
    "witch fairy elf troll mermaid dinosaur monster alien vampire mummy girl boy child mother "
    "father grandmother grandfather sister brother cook hunter inventor scientist postman"
)
TRAITS = words("small brave shy clever kind curious quiet cheerful gentle old young lazy proud")
PLACES = (
    "in a green forest", "by a wide river", "near the sea", "on a high mountain",
    "in a quiet village", "on a small island", "in a big city", "at the edge of a desert",
    "in a sunny valley", "beside a deep lake", "on an old farm", "in a snowy land",
    "under a stone bridge", "in a garden full of roses", "in a tall tower", "in a little red house",
)  # fmt: skip
HOBBIES = (
    "sing to the moon", "collect shiny stones", "watch the clouds", "bake honey bread",
    "paint pictures of the sea", "count the stars", "swim before breakfast", "climb tall trees",
    "read old books", "dance in the rain", "plant flowers", "listen to the wind",
)  # fmt: skip
OBJECTS = words("key hat lamp ring map bell drum kite book coin scarf flute basket spoon")
SPOTS = (
    "under the bed", "behind the door", "in the tall grass", "inside an old box",
    "beneath a bench", "on top of the roof", "between two rocks", "in a hollow tree",
)  # fmt: skip
MORALS = (
    "Everyone agreed that a good friend is worth more than gold.",
    "From that day on, nobody in the land felt alone.",
    "And that is how a small idea can save the day.",
    "It was the best day of the whole year.",
    "They all slept well that night.",
    "They still tell this story when the evenings are long.",
)
# {N}: the hero's name, {he}/{him}/{his}: the hero's pronouns, {F}: the friend ("the owl"),
# {o}: an object, {a}/{b}/{c}: three different spots.
PROBLEMS: tuple[tuple[str, ...], ...] = (
    ("One day, {N} lost {his} {o}.", "{He} looked {a} and {b}, but the {o} was not there.",
     "{F} heard {him} sigh and came to help.", "Together they searched all afternoon.",
     "At last they found the {o} {c}."),
    ("One night, a great storm came.", "The wind blew the roof off {N}'s house.",
     "{N} ran outside and called for help.",
     "{F} brought wood and nails, and they worked until dawn.",
     "When the sun came up, the new roof was stronger than the old one."),
    ("One morning, a tree fell across the path.",
     "{N} pushed and pulled, but the tree did not move.",
     "Then {f} had an idea.", "They rolled the tree away with a long stick and a round stone.",
     "The path was free again, and everyone cheered."),
    ("One day, {N} walked too far and got lost in the fog.", "{He} could not see {his} own feet.",
     "{He} called out, and a voice answered from far away.", "It was {f}, who was carrying a lamp.",
     "{N} followed the light all the way home."),
    ("One winter, there was nothing left to eat.", "{N} found a single {o} and one dry apple {a}.",
     "{He} wanted to eat the apple at once, but then {he} saw {f}, who was hungry too.",
     "{N} cut the apple in two and shared it.",
     "The next day, {f} came back with a whole basket of nuts."),
    ("One day, {N} found a strange {o} {a}.", "When {he} touched it, it began to glow.",
     "{N} was afraid and ran to {f}.", "\"Do not worry,\" said {f}, \"it only wants to go home.\"",
     "They carried the {o} to the top of a hill, and it flew up and became a star."),
    ("One evening, {N} heard somebody crying {a}.",
     "It was a baby bird that had fallen from its nest.",
     "{N} could not reach the nest alone.", "{F} came, and {N} climbed on {f}'s back.",
     "Soon the little bird was safe and warm again."),
    ("{N} wanted to cross the water, but the bridge was broken.",
     "{He} tried to jump, and {he} fell in with a splash.", "{F} laughed and pulled {him} out.",
     "Then the two of them built a raft from old doors.",
     "They crossed the water together before the sun went down."),
    ("{N} had one secret: {he} was afraid of the dark.",
     "Every night {he} hid {a} and waited for the morning.",
     "One night, {f} sat down beside {him}.",
     "\"Look up,\" said {f}, and {N} saw a thousand stars.",
     "After that, {N} was never afraid of the dark again."),
    ("One day, a letter came for {N}.", "It said: \"Follow the {o} and you will find a treasure.\"",
     "{N} asked {f} to come along, and they walked for three days.",
     "They looked {a} and {b}, and at last they found a chest {c}.",
     "There was no gold inside, only seeds, and they planted a beautiful garden."),
    ("It was {N}'s birthday, but nobody seemed to remember.",
     "{N} sat {a} and felt a little sad.", "Then {he} heard a soft knock.",
     "It was {f}, with a cake and a new {o}.",
     "All the others were hiding {b}, and they began to sing."),
    ("{N} wanted to learn how to fly.", "{He} jumped from a rock and landed in the mud.",
     "{F} did not laugh.", "Instead, {f} helped {him} to build a kite as big as a house.",
     "On the first windy day, {N} flew over the hills and waved."),
)  # fmt: skip
ENDINGS = (
    "{N} thanked {f} and smiled.", "{N} and {f} became the best of friends.",
    "That evening, {N} and {f} shared a warm supper.", "{N} was very happy.",
    "{N} hugged {f} and laughed.",
)  # fmt: skip
BRIDGES = (
    "But that was not the end.", "A week later, something else happened.",
    "Soon there was a new adventure.", "When spring came, there was more to do.",
)  # fmt: skip


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@dataclass
class Story:
    """A story's cast, kept so that later turns can ask about it or go on with it."""

    hero: str
    name: str
    friend: str
    place: str
    trait: str
    he: str
    # The index of the problem told last; what happens next is another one.
    problem: int

    def fill(self, sentence: str, slots: dict[str, str]) -> str:
        """The sentence with the cast's names and pronouns in it."""
        him, his = ("him", "his") if self.he == "he" else ("her", "her")
        return sentence.format(
            N=self.name, he=self.he, He=self.he.title(), him=him, his=his,
            f=f"the {self.friend}", F=f"The {self.friend}", **slots,
        )  # fmt: skip

    def is_held_out(self) -> bool:
        """Whether this combination of cast and place belongs to the held-out split only."""
        return crc32(f"{self.hero}/{self.friend}/{self.place}".encode()) % 12 == 0


T = TypeVar("T")


def usual(rng: Random, key: str, options: Sequence[T]) -> T:
    """One of the options; half the time the one that the key stands for.

    Without this, all choices are equally likely, and a model that always takes the most likely
    token would tell every hero the same story.
    """
    if rng.random() < 0.5:
        return options[crc32(key.encode()) % len(options)]
    return rng.choice(options)


def cast(rng: Random, held_out: bool, hero: str = "", friend: str = "", place: str = "") -> Story:
    """Draw a cast of the wanted split; what is given stays as it is."""
    while True:
        who = hero or rng.choice(ANIMALS + THINGS if rng.random() < 0.5 else ANIMALS)
        she = who in SHE or (who not in HE and usual(rng, f"{who} she", (True, False)))
        story = Story(
            hero=who,
            name=usual(rng, f"{who} name", GIRLS if she else BOYS),
            friend=friend or usual(rng, f"{who} friend", ANIMALS),
            place=place or usual(rng, f"{who} place", PLACES),
            trait=usual(rng, f"{who} trait", TRAITS),
            he="she" if she else "he",
            problem=usual(rng, f"{who} problem", range(len(PROBLEMS))),
        )
        fixed = hero and friend and place
        if story.hero != story.friend and (fixed or story.is_held_out() == held_out):
            return story


def opening(rng: Random, story: Story) -> list[str]:
    """Who the hero is and where the hero lives."""
    who = f"{story.trait} {story.hero}"
    first = rng.choice(
        (
            f"Once upon a time, {a(who)} named {story.name} lived {story.place}.",
            f"{a(who).capitalize()} named {story.name} lived {story.place}.",
            f"Long ago, there was {a(who)} called {story.name}, who lived {story.place}.",
        )
    )
    hobby = usual(rng, f"{story.hero} hobby", HOBBIES)
    second = rng.choice(
        (
            f"{story.name} loved to {hobby}.",
            f"Every day, {story.name} liked to {hobby}.",
            f"More than anything, {story.name} loved to {hobby}.",
        )
    )
    return [first, second]


def episode(rng: Random, story: Story) -> list[str]:
    """The story's problem and its solution. The next problem of the story will be another."""
    key = f"{story.hero} {story.problem}"
    spot = usual(rng, f"{key} spot", range(len(SPOTS)))
    slots = {"o": usual(rng, f"{key} object", OBJECTS)}
    slots |= {letter: SPOTS[(spot + i) % len(SPOTS)] for i, letter in enumerate("abc")}
    problem = PROBLEMS[story.problem]
    story.problem = (story.problem + rng.choice((1, 1, 1, 2))) % len(PROBLEMS)
    return [story.fill(sentence, slots) for sentence in problem]


def tell(rng: Random, story: Story, length: str = "normal") -> str:
    """The whole story. `length` is short (6 sentences), normal (9) or long (21)."""
    count = 3 if length == "long" else 1
    sentences = opening(rng, story)[: 1 if length == "short" else 2]
    paragraphs = []
    for index in range(count):
        if index:
            paragraphs.append(" ".join(sentences))
            sentences = [rng.choice(BRIDGES)]
        sentences += episode(rng, story)
    if length != "short":
        sentences.append(story.fill(rng.choice(ENDINGS), {}))
        sentences.append(rng.choice(MORALS))
    return "\n\n".join([*paragraphs, " ".join(sentences)])


def go_on(rng: Random, story: Story) -> str:
    """What happened next to the same cast."""
    sentences = [rng.choice(BRIDGES), *episode(rng, story)]
    return " ".join([*sentences, story.fill(rng.choice(ENDINGS), {})])


def poem(rng: Random, subject: str) -> str:
    """Four short lines about the subject."""
    first = rng.choice(
        ("The {s} is awake in the morning light,", "I saw the {s} in the pale moonlight,")
    )
    second = rng.choice(("It waits for the day and it waits for the night.",
                         "It was quiet and small, it was silver and bright."))  # fmt: skip
    third = rng.choice(("The wind tells a tale to the sea and the stone,",
                        "The rain sings a song that the hills have all known,"))  # fmt: skip
    fourth = rng.choice(("And the {s} is never, no never, alone.",
                         "And the {s} goes slowly and happily home."))  # fmt: skip
    return "\n".join((first, second, third, fourth)).format(s=subject)
