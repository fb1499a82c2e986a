"""The ways to ask for what corpus.py makes up: sums, stories, names, counting.

{a} and {b} are numbers, {x} is what a story is about, {n} a name. The first phrasing of each never
goes to the held-out split.
"""

from patterns import topic

SUM_QUESTIONS = topic(
    """What is {a} plus {b}?
    [What is|What's|whats|How much is|Calculate|Compute|Tell me|And|What about|] {a} [+|plus] {b}?
    How much is {a} and {b}[ together|]?
    {a} + {b} = ?
    {a}+{b}
    {a}+{b}=
    {a} + {b} =
    What is {a}+{b}?
    [Can you|Please|Could you|] add {a} and {b}[, please|]?
    [What is|Give me|Tell me] the sum of {a} and {b}?
    What [do you get when you add|do I get if I add] {a} [and|to] {b}?
    [If I have|I have] {a} and get {b} more, how many do I have?
    What does {a} plus {b} [make|equal|give]?
    [And|What about|] {a} and {b}?
    [Add|Please add|Sum of] {a} [and|to] {b}
    [Do you know|Can you tell me] what {a} plus {b} is?"""
).questions
SUM_ANSWERS = ("{a} plus {b} is {c}.", "{a} + {b} = {c}", "{a} plus {b} is **{c}**.")
STORY_QUESTIONS = topic(
    """Tell me a story about {x}.
    [Tell me|Write|I want|Give me|Make up|Can you tell me|Please tell me|Write me] a \
        [|short|little|nice] story about {x}[, please|].
    [A|One||a short] story about {x}[, please|].
    Do you know a story about {x}?
    I would like [to hear|] a story about {x}."""
).questions
ANY_STORY = topic(
    """Tell me a story.
    [Tell me|Write|I want|Give me|Make up|Can you tell me|Please tell me|Do you know] a \
        [|short|little|nice|bedtime] story[, please|].
    [A story|Story|A story, please|Once upon a time|A story would be nice]."""
).questions
LONG_STORY = topic(
    """Tell me a long story about {x}.
    [Tell me|Write|I want|Give me|Can you tell me|Please tell me|Write me] a [long|longer|very \
        long] story about {x}[, please|]."""
).questions
MORE = topic(
    """Tell me more.
    [What happened|What happens|And] [next|then|after that]?
    [Go on|Continue|More|Keep going|Tell me more about it|Then what|And then]"""
).questions
ANOTHER = topic(
    """Another one[, please|].
    [Tell me|Give me|Do you have|I want] another [story|one][, please|].
    [Again|One more|One more story|Another story][, please|]."""
).questions
INTRODUCE = topic(
    """My name is {n}.
    [Hello|Hi|Hey|Good morning|][, |! |. ][my name is|I am|I'm|I am called|call me] {n}.
    [Hello|Hi|Hey|][ |, ][I'm|im|I am|this is|my name's|it's|my name is] {n}[.||!]
    [My name's|I'm|I am|This is|It's|im] {n}.
    [You can call me|Please call me|Call me|I am called] {n}."""
).questions
ASK_NAME = topic(
    """What is my name?
    [What's|whats|Tell me|Say] my name[|, please]?
    [Do you know my name|Who am I|How am I called|What am I called]?
    Do you [know|remember] [my name|what I am called|who I am][|, please]?
    Do you remember me?
    Can you [tell me|remember|say] my name?"""
).questions
COUNT = topic(
    """Count from {a} to {b}.
    [Count|Please count|Can you count|Could you count|List the numbers] from {a} to {b}[, please|].
    Write [all the|the] numbers from {a} to {b}."""
).questions
COUNT_TO = topic("""Count to {b}.
    [Please count|Can you count|Could you count|Count up] to {b}[, please|].""").questions
