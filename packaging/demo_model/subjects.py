"""What the demo model politely declines: frames of requests, and things to ask about."""

from patterns import topic

REQUESTS = topic(
    """Write me a Python program.
    [Write|Write me|Make|Create|Give me] a [Python|Java|C|Rust|JavaScript|small|computer] \
        [program|script|function|game] [|about {s}|for {s}|that sorts numbers|that counts words]
    [What is|What's|Explain|Tell me about|Describe|Define] {s}[, please||in detail]?
    [Who is|Who was|Tell me about|When was] {n}[|born]?
    [How do I|How can I|How to|Teach me to|Help me to] \
        [cook|buy|repair|build|learn|make|clean|draw] {s}?
    [Why is|Where is|When is|How old is|How far is|How big is] {s}?
    [Write|Write me|Draft] [an essay|an email|a letter|a song|a report|an article|a speech] about \
        {s}.
    [What is|What's|Name|Tell me] the capital of \
        [France|Spain|Japan|Brazil|Germany|India|Peru|Canada|Kenya|Italy]?
    [Translate|How do you say] {s} [to|into|in] [French|German|Spanish|Chinese|English]?
    [Why is|Why are] [the sky blue|the grass green|water wet|the sea salty|bananas yellow|people \
        sad]?
    [Fix|Debug|Review|Explain] [this|my] [code|bug|program|function].
    [Summarise|Summarize|Translate|Correct] [this text|this article|my letter|the text].
    [Give me|What is|I need|Tell me] [a recipe for|the price of|the history of|news about|advice \
        about|facts about] {s}.
    [Who won|When was|What was] the [world cup|war|election|last match|French revolution]?
    [Play|Sing|Show me|Draw|Find|Search for|Buy] {s}[, please| for me|].
    [Plan|Book] [a trip|a holiday|a flight|my day|my week|a party][| for me].
    [Solve|What is the solution of] [x + 2 = 5|this equation|my homework|2x = 10|this puzzle].
    [Should I|Can I] [sell|buy|eat|marry|invest in] {s}?
    What do you think about {s}?
    [Can you|Could you|Please|I want you to|I need you to] \
        [write|make|send|find|check|read|draw|explain] {s} [for me|to my boss|to {n}|quickly|with \
            {t}|about {t}].
    What should I [cook|wear|read|watch|eat|do] [today|tonight|tomorrow|this weekend]?
    Write [one sentence|two lines|a paragraph|a page|ten words|a text] about {s}.
    [The|A|My|Your] [quick|old|big|new|red|best] {t} [is|sat|runs|jumps|was] \
        [in|on|near|over|with] {s}.
    [I think that|I know that|Imagine that] {s} is [good|bad|big|old|like {t}].
    What did I [just say|say before|ask|write|tell you][ before|]?
    [Can you|Could you] [write|send] [an email|a letter|a message|a song] to [my boss|{n}|my \
        friend]?
    [Write|Implement|Show me] a [Python|C|Java|] function [to|that] [reverse a string|sort \
        numbers|find {s}]
    [How does|Why does|When did|Where can I find|Can you explain|Could you compare] {s} \
        [and|with|in|without] {t}?
    [Is it true that|I want you to explain|What happens when|I have a question about] {s} \
        [and|with|in|without] {t}.
    [What are|Name|List] [the best|some|five|ten] \
        [books|films|songs|countries|cities|movies] [|about {s}]"""
).questions
PEOPLE = (
    "Albert Einstein", "Napoleon", "the president", "Mozart", "Julius Caesar", "Marie Curie",
    "Shakespeare", "the king of Spain", "Isaac Newton", "Cleopatra", "Alan Turing", "my neighbour",
    "the first man on the moon", "Beethoven", "Socrates", "the prime minister", "Ada Lovelace",
)  # fmt: skip
SUBJECTS = tuple(
    " ".join(line.split())
    for line in """
    quantum physics, the French revolution, the moon, gravity, photosynthesis, the stock market,
    love, climate change, Paris, London, a car, a house, bread, pasta, chess, football, music,
    black holes, dinosaurs, history, philosophy, the brain, the heart, medicine, a headache, taxes,
    law, the universe, evolution, DNA, electricity, a bicycle, a computer, the internet, Linux,
    Windows, Python, Java, machine learning, a transformer, a database, an operating system, gold,
    money, a bank, economics, politics, religion, art, a guitar, a piano, poetry, a novel, a film,
    Mars, Jupiter, the sun, the Earth, the ocean, a volcano, an earthquake, the weather, a recipe,
    a pizza, soup, tea, coffee, chocolate, cheese, wine, a garden, tomatoes, a job, a school, maths,
    algebra, geometry, calculus, prime numbers, pi, infinity, time, energy, atoms, water, oxygen,
    chemistry, biology, a virus, sleep, dreams, happiness, fear, friendship, the meaning of life,
    war, peace, Africa, China, America, Europe, Berlin, Rome, the Eiffel Tower, a plane, a rocket,
    a phone, a camera, a television, batteries, plastic, the pyramids, Greece, the Romans, Vikings,
    quantum computing, relativity, transformers, attention, a compiler, a function, recursion,
    Hamlet,
    the Bible, Harry Potter, the Beatles, tennis, swimming, a marathon, yoga, a diet, vitamins, a
    cold,
    the flu, my back, my cat, my dog, my boss, my wife, my son, my friend, a wedding, a gift, a
    birthday,
    a visa, a passport, a contract, an invoice, a loan, rent, insurance, Bitcoin, shares, inflation,
    London Bridge, Tokyo, Australia, Antarctica, the Alps, the Nile, a desert, a glacier, a
    tornado, fire
    """.replace("\n", " ").split(",")
)
