"""Measure a demo model's folder: held-out perplexity and sums, exact and with rounded weights.

`python packaging/demo_model/check.py assets/demo-model`
"""

import argparse
import re
from pathlib import Path

import torch
from rounding import PRECISIONS, rounded_weights
from train import perplexity
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

PHRASINGS = (
    "What is {a} plus {b}?",
    "{a} + {b} = ?",
    "how much is {a} and {b}",
    "Add {a} and {b}.",
)
GREEDY = {"do_sample": False, "temperature": None, "top_p": None}
TALKS = (
    ("Hello!", "How are you?", "What is your name?", "My name is Ana.", "What is my name?"),
    ("What is Tern?", "What is int4?", "Which is the fastest?", "Which one should I use?"),
    ("Tell me a story about a fox.", "What was the name of the fox?", "Tell me more.", "thanks"),
    ("tell me a long story about a dragon and a teapot", "another one", "bye"),
    ("Count from 1 to 50.", "what is 3 plus 4", "and 9 plus 8?", "what is 12 times 14?"),
    ("Write me a Python program that sorts a list.", "Why?", "who was Abraham Lincoln?"),
    ("hi im Zorblat", "List the days of the week.", "whats my name"),
    ("Compare bf16, int8 and int4.", "Does anything leave my computer?", "are you chatgpt?"),
    ("Tell me a story about a spaceship.", "what happened next?", "Write a poem about the sea."),
    ("What is SmoothQuant?", "what is a kv cache", "How do I get a better model?", "Show me code"),
)


@torch.inference_mode()
def reply(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, talk: list[dict[str, str]],
    temperature: float = 0.0, limit: int = 500,
) -> tuple[str, bool]:  # fmt: skip
    """The reply to a conversation, and whether it came to its own end."""
    ids = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_tensors="pt")
    how = {"do_sample": True, "temperature": temperature, "top_p": 0.9} if temperature else GREEDY
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, **how)
    out = out[0, ids.shape[1] :]
    ended = out[-1].item() == tokenizer.eos_token_id
    return tokenizer.decode(out, skip_special_tokens=True), ended


@torch.inference_mode()
def sums_right(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """How many of the 100 one-digit sums are right, for each phrasing."""
    right = dict.fromkeys(PHRASINGS, 0)
    for phrasing in PHRASINGS:
        pairs = [(a, b) for a in range(10) for b in range(10)]
        talks = [[{"role": "user", "content": phrasing.format(a=a, b=b)}] for a, b in pairs]
        inputs = tokenizer.apply_chat_template(
            talks, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        out = model.generate(**inputs, max_new_tokens=24, **GREEDY)
        for (a, b), ids in zip(pairs, out[:, inputs["input_ids"].shape[1] :], strict=True):
            text = tokenizer.decode(ids)
            numbers = re.findall(r"\d+", text.split("<|end|>")[0])
            right[phrasing] += "<|end|>" in text and numbers[-1:] == [str(a + b)]
    return right


def show_talks(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, temperature: float
) -> None:
    """Print sample conversations, and check that a next turn extends the tokens before it."""
    for questions in TALKS:
        talk: list[dict[str, str]] = []
        before: list[int] = []
        for question in questions:
            talk.append({"role": "user", "content": question})
            ids = tokenizer.apply_chat_template(talk, add_generation_prompt=True)
            if ids[: len(before)] != before:
                print("!! the prompt does not extend the one before it")
            text, ended = reply(model, tokenizer, talk, temperature)
            print(f"> {question}\n{text}{'' if ended else ' !! NO END'}")
            end = [tokenizer.eos_token_id]
            before = ids + tokenizer(text, add_special_tokens=False)["input_ids"] + end
            talk.append({"role": "assistant", "content": text})
        print("-" * 40)


def main() -> None:
    """Print the figures for each precision, and sample conversations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--talk-in", choices=PRECISIONS, default="bf16")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(options.folder, torch_dtype=torch.bfloat16)
    torch.manual_seed(0)
    ids = torch.tensor(tokenizer((options.folder / "held-out.txt").read_text("utf-8")).input_ids)
    for name, rounding in PRECISIONS.items():
        with rounded_weights(model, rounding):
            found = perplexity(model, ids)
            print(name, f"perplexity {found:.4f}", sums_right(model, tokenizer), flush=True)
    with rounded_weights(model, PRECISIONS[options.talk_in]):
        show_talks(model, tokenizer, options.temperature)


if __name__ == "__main__":
    main()
