"""What the demo model is told about Tern, and the lists that it can write."""

from patterns import topic

WHAT = "[What is|What's|whats|Explain|Can you explain|Tell me about|What do you know about|Define]"
WHICH = "[Which|What|which one of them|Which precision|What precision|Which mode]"

TERN = (
    topic(
        """What is Tern?
        [What is|What's|Explain|Tell me about|Describe|Introduce] [Tern|this program|this \
            app|Tern Chat]
        What does [Tern|this program|this app|this] do?
        What is [this|this window|this for|Tern for]?
        [Why should I|What can I do with|Why|How do I] use Tern?""",
        "Tern is a desktop chat app. It runs language models on the CPU of your own computer, in "
        "three precisions: **bf16**, **int8** and **int4**.",
        "Tern is a program for chatting with language models on your own computer. It needs no "
        "graphics card.",
    ),
    topic(
        """Why is it called Tern?
        What does [the name Tern|Tern|the name] mean?
        [What is|Is] a tern[ a bird|]?
        Where does the name[ Tern|] come from?""",
        "A tern is a sea bird, and *tern* also means a set of three, like the three precisions.",
    ),
    topic(
        f"""What is bf16?
        {WHAT} [bf16|bfloat16|the bf16 precision|BF16][ mean||, please]
        What does [bf16|bfloat16] [mean|do|stand for]?
        How [exact|large|fast|good|precise] is bf16?
        When [should|do] I use bf16?""",
        "**bf16** stores each weight in 16 bits. It is the most exact of the three precisions, and "
        "the largest.",
        "bf16 is a 16-bit number format. In Tern it is the reference that int8 and int4 are "
        "compared with.",
    ),
    topic(
        f"""What is int8?
        {WHAT} [int8|the int8 precision|INT8|8 bit|8-bit quantization|w8a8][ mean||, please]
        What does [int8|w8a8] [mean|do|stand for]?
        How [exact|large|fast|good|precise] is int8?
        When [should|do] I use int8?""",
        "**int8** stores weights and activations in 8 bits, with SmoothQuant. It needs about half "
        "the memory of bf16.",
        "int8 uses 8-bit numbers. It is about half as large as bf16 and almost as exact.",
    ),
    topic(
        f"""What is int4?
        {WHAT} [int4|the int4 precision|INT4|4 bit|4-bit quantization|woq|weight-only][ mean||, \
            please]
        What does [int4|woq|weight-only] [mean|do|stand for]?
        How does int4 work?
        How [exact|large|fast|good|precise|small] is int4?
        When [should|do] I use int4?""",
        "**int4** stores only the weights in 4 bits, in small groups with a scale each. It is the "
        "smallest of the three, and a little less exact.",
        "int4 is weight-only quantization to 4 bits. It needs a bit more than a quarter of the "
        "memory of bf16.",
    ),
    topic(
        f"""Which is the fastest?
        {WHICH} is [the fastest|fastest|faster|quickest|the quickest]?
        [Is int4|Is int8] faster[ than bf16|]?
        Why is [int4|it] [fast|faster|the fastest]?
        How [do I|can I|to] make it faster?
        [I want|Give me] the [fastest|quickest] [one|mode|precision].""",
        "Usually **int4**, because the CPU reads the fewest bytes for each token. It depends on "
        "your computer, so compare them in Tern.",
        "int4 is usually the fastest, then int8, then bf16. Tern can measure it on your computer.",
    ),
    topic(
        f"""Which is the smallest?
        {WHICH} is [the smallest|smallest|smaller|the lightest]?
        {WHICH} [needs|uses|takes] the least [memory|space|RAM]?
        How [do I|can I|to] save memory?
        I have [little|not much|only 4 GB of|only 8 GB of] [memory|RAM].""",
        "**int4** is the smallest. It needs a bit more than a quarter of the memory of bf16.",
    ),
    topic(
        f"""Which is the most exact?
        {WHICH} is [the most exact|the best|most exact|most accurate|the most precise|best]?
        {WHICH} [has|gives] the best [quality|answers]?
        Which [has|makes] the fewest errors?""",
        "**bf16** is the most exact. int8 is very close, and int4 loses a little more.",
    ),
    topic(
        """Compare the precisions.
        [Compare|What is the difference between|Explain] [bf16, int8 and int4|the three \
            precisions|the precisions]
        [What is the difference between|Compare] [bf16 and int8|int8 and int4|bf16 and int4|int4 \
            and int8]
        Show me a table.
        [Show me|Make|Give me] a table[ of the precisions| of bf16, int8 and int4|]
        [Which|What] [precisions|modes|formats] [are there|do you have|does Tern have|can I use]?
        [Which|What] [precision|one|mode] should I [use|choose|pick|take]?
        How do [bf16, int8 and int4|the precisions|bf16 and int4|int8 and int4] differ?
        [What's|What is|Which is] better, [int8 or int4|bf16 or int8|int4 or bf16]?
        Is [int4|int8] [worse|better|smaller] than [bf16|int8]?
        Tell me about the [three|] precisions[, please|].""",
        "| precision | bits | memory | quality |\n|---|---|---|---|\n| bf16 | 16 | largest | most "
        "exact |\n| int8 | 8 | about half | very close |\n| int4 | 4 | about a quarter | a little "
        "less exact |",
        "Tern has three precisions:\n\n1. **bf16**: the largest and the most exact\n2. **int8**: "
        "about half the size, very close\n3. **int4**: the smallest, and usually the fastest",
    ),
    topic(
        f"""What is SmoothQuant?
        {WHAT} [SmoothQuant|smooth quant|smoothing][, please|]
        How does [SmoothQuant|int8 SmoothQuant] work?
        What does SmoothQuant do?
        Why [do we|does Tern] [need|use] SmoothQuant?""",
        "SmoothQuant makes 8-bit models exact. It moves large values from the activations to the "
        "weights, so that both fit into 8 bits.",
    ),
    topic(
        f"""What is quantization?
        {WHAT} [quantization|quantisation|a quantized model|quantizing|a precision|precision]
        Why [do we|should I] quantize[ a model|]?
        How does [quantization|quantisation] work?""",
        "Quantization stores the numbers of a model with fewer bits. The model gets smaller and "
        "faster, and a little less exact.",
    ),
    topic(
        """Does anything leave my computer?
        [Is|Are] my [data|chat|chats|messages|text|words] [private|safe|sent \
            anywhere|secret|shared]?
        Do you [send|share|upload|store] my [data|chats|messages|words]?
        [Does Tern|Do you] [need|use] [the internet|a connection|the network|the cloud]?
        [Do you|Does Tern|Does it|Can you|Can Tern] [work|run] [offline|without the internet]?
        Is [this|it|Tern] [private|offline|safe|online|local]?
        [Where|How] does [Tern|the model|this|it] run?
        Can [anyone|somebody|you] [read|see] my [chats|messages]?""",
        "No, what you write stays on your computer. Tern uses the network only to search for and "
        "download models.",
        "Everything runs on your own computer. Your chats are not sent anywhere.",
    ),
    topic(
        """Where are my chats [saved|stored]?
        [Are|Is] my [chats|history] saved?
        Where is [the|my] history?""",
        "Your chats are saved in a file on your own computer.",
    ),
    topic(
        f"""What is a token?
        {WHAT} [a token|tokens|token|the tokenizer]
        What does [token|tokens per second|tokens/s] mean?
        {WHAT} [tokens per second|tokens/s|tok/s]""",
        "A token is a small piece of text, often a word or a part of a word. I write one token at "
        "a time, and tokens per second is my speed.",
    ),
    topic(
        f"""What is the KV cache?
        {WHAT} [the KV cache|a KV cache|KV cache|the kv-cache|the cache]
        [Why do we need|How does] the KV cache[ work|]?""",
        "The KV cache keeps the keys and values of the tokens so far, so that the model need not "
        "compute them again for each new token.",
    ),
    topic(
        f"""What is prefill?
        {WHAT} [prefill|decode|decoding|time to first token|TTFT|the first token]
        What does [prefill|TTFT|decode] mean?""",
        "Prefill reads your prompt in one go. Then decode writes the reply, one token at a time. "
        "TTFT is the time to the first token.",
    ),
    topic(
        f"""What is temperature?
        {WHAT} [temperature|top-p|sampling|the temperature|top p|the seed]
        What does [temperature|top-p|top p|the temperature] [mean|do]?""",
        "Temperature sets how freely I choose the next token. At 0 I always take the most likely "
        "one. Top-p drops the unlikely ones.",
    ),
    topic(
        f"""What is perplexity?
        {WHAT} [perplexity|the perplexity|KL|KL divergence|top-1 agreement]
        What does perplexity [mean|do]?
        How [do you|does Tern|do I] measure quality?""",
        "Perplexity says how surprised a model is by a text. Lower is better. Tern uses it to "
        "compare the precisions.",
    ),
    topic(
        f"""What is a language model?
        {WHAT} [a language model|an LLM|LLM|a model|AI|artificial intelligence|a neural network]
        How do[es|] [a language model|you|language models] work?""",
        "A language model is a program that predicts the next token of a text. It has learned from "
        "many examples.",
    ),
    topic(
        f"""What is IPEX?
        {WHAT} [IPEX|Intel Extension for PyTorch|ipex]
        [Does Tern|Do you] use IPEX?""",
        "IPEX is the Intel Extension for PyTorch. Tern uses it where it is fast on your CPU.",
    ),
    topic(
        f"""What is a context window?
        {WHAT} [a context window|the context|the context length|context]
        How [long|big|large] is [your|the] [context|memory|context window]?
        How much [text|context] can you [read|remember|see]?""",
        "The context is the text that a model sees at once. Mine holds 1024 tokens.",
    ),
    topic(
        f"""What is AMX?
        {WHAT} [AMX|AVX-512|AVX512|AVX2|VNNI|an instruction set]
        What does [AMX|AVX-512|AVX2] [mean|do]?""",
        "It is a set of CPU instructions for fast arithmetic. Tern uses the best that your CPU "
        "has.",
    ),
    topic(
        """Do I need a [GPU|graphics card|big computer|fast computer]?
        [Does Tern|Does it|Can Tern|Do you] [need|use] a [GPU|graphics card]?
        What [hardware|computer|CPU] do I need?""",
        "No, Tern needs no graphics card. It runs on the CPU.",
    ),
    topic(
        """How much memory [do I need|does a model need|does it need|do I need for a model]?
        How [large|big] is a [model|real model|7B model|1B model]?
        Will [a model|it|a real model] fit[ in my memory|]?""",
        "A model with 1 billion parameters needs about 2 GB in bf16, 1 GB in int8, and a bit more "
        "than half a GB in int4.",
    ),
    topic(
        """How do I get a better model?
        [How|Where] [do I|can I|to] [get|download|find|use|choose|pick|load] [a better|a \
            real|another|a bigger|a new] model?
        [I want|Give me|I need] a [better|real|bigger|different] model.
        How [do I|can I|to] [change|switch|replace] the model?
        [Which|What] model should I [use|pick|download|choose]?
        [Which|What] model is [the best|best|good] for [coding|writing|chat|German|maths|my \
            computer]?
        How do I get better answers?
        Where is the model list?""",
        "Open the model list and pick a real model that fits your memory. Tern downloads it once, "
        "and then it runs without a network.",
        "Pick a real model in the model list:\n\n1. open the **model list**\n2. choose a model "
        "that fits your memory\n3. wait for the download",
    ),
    topic(
        """How do I stop [you|the answer|a reply|this]?
        How can I stop [you|the reply]?
        What does the stop button do?""",
        "Press **Stop**. I stop at once, and the text so far is kept.",
    ),
    topic(
        """[Why are you|You are] [so|very] [slow|fast]?
        How fast are you?
        How many tokens per second [can you do|do you make|are you doing|do you write]?
        What is your speed?""",
        "The speed depends on your CPU and memory. I am tiny, so I am fast. Larger models are "
        "slower.",
    ),
)

LISTS = (
    topic(
        """List the days of the week.
        [Name|Tell me|What are|Write|Show me|Give me] [the|all|the seven] days of the week[, \
            please|]""",
        "1. Monday\n2. Tuesday\n3. Wednesday\n4. Thursday\n5. Friday\n6. Saturday\n7. Sunday",
    ),
    topic(
        """List the months of the year.
        [Name|Tell me|What are|Write|Show me|Give me] [the|all|the twelve] months[ of the year|]""",
        "1. January\n2. February\n3. March\n4. April\n5. May\n6. June\n7. July\n8. August\n"
        "9. September\n10. October\n11. November\n12. December",
    ),
    topic(
        """List the seasons.
        [Name|Tell me|What are|Write|Give me] [the|all|the four] seasons[ of the year|]""",
        "- spring\n- summer\n- autumn\n- winter",
    ),
    topic(
        """List the colours of the rainbow.
        [Name|Tell me|What are|Write|Give me|List] [the|all|some] [colours|colors][ of the \
            rainbow|]""",
        "- red\n- orange\n- yellow\n- green\n- blue\n- indigo\n- violet",
    ),
    topic(
        """[Say|Write|Tell me|What is|Recite] the alphabet[, please|].
        [Write|List|Say] [all the|the|all] letters[ of the alphabet|].""",
        "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    ),
    topic(
        """[Make|Give me|Write|Show me] a [short|small||shopping] list[, please|].
        [Name|List|Give me] [some|three|a few] [fruits|kinds of fruit].""",
        "- apples\n- pears\n- plums",
        "- apples\n- bread\n- honey",
    ),
    topic(
        """List some animals.
        [Name|List|Give me|Tell me] [some|three|a few|a list of|five] animals[, please|].""",
        "- fox\n- owl\n- bear\n- tern\n- rabbit",
    ),
    topic(
        """Show me some code.
        [Show|Give|Write] me [a|an example of a] code [block|example][, please|].
        [Write|Show me] [hello world|a hello world program|a Hello World][ in Python|].
        How do I start Tern[ in a terminal| from a terminal| from the command line|]?""",
        "Here is a small code block:\n\n```bash\ntern generate --model demo --precision bf16 "
        '--prompt "Hello"\n```\n\nIt asks me the same from a terminal.',
    ),
    topic(
        """Show me some Markdown.
        [Can you|Please|] [use|write|show me] [some|] Markdown[, please|]
        [Write|Say] something in bold.
        [Show|Give] me some [bold|formatted] text.""",
        "## A small heading\n\nThis is **bold**, this is *italic*, and this is `code`.\n\n- first\n"
        "- second\n- third",
    ),
)
