"""Train Tern's demo model and write its folder: `python packaging/demo_model/train.py --out DIR`.

The model is a small Llama that reads generated text only (see corpus.py). The run is the same for
one version of torch and one machine type; other arithmetic gives slightly different weights.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import card
import corpus
import rounding
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

SPECIAL = ["<|pad|>", "<|bos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
# A reply is never trimmed here: a conversation that goes on then starts with the very tokens that
# were generated, and the keys and values computed for them can be used again.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>' + message['content'] + '<|end|>' }}"
    "{% else %}"
    "{{ '<|' + message['role'] + '|>' + (message['content'] | trim) + '<|end|>' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
Model = Callable[..., Any]
CONTEXT = 1024


@dataclass(frozen=True)
class Plan:
    """The numbers of a training run."""

    steps: int
    sequences: int = 8
    peak_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.1
    # The last part of the run trains with weights rounded to 4 bits in every other step.
    rounded_part: float = 0.2
    seed: int = 20240

    def rate(self, step: int) -> float:
        """Learning rate: linear warm-up, then a cosine down to a twentieth."""
        if step < self.warmup:
            return self.peak_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak_rate * (0.05 + 0.475 * (1 + math.cos(math.pi * done)))

    def rounds(self, step: int) -> bool:
        """Whether this step trains with rounded weights."""
        return step > self.steps * (1 - self.rounded_part) and step % 2 == 0


def train_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: every text has tokens, and decoding gives back the text."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    conversations = corpus.training(seed, [])
    texts = (m["content"] for _ in range(20000) for m in next(conversations))
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|bos|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The untrained model, in float32."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def batches(
    tokenizer: PreTrainedTokenizerFast, plan: Plan, kept_away: list[corpus.Conversation]
) -> Iterator[torch.Tensor]:
    """Batches of packed conversations, int64 [sequences, CONTEXT], without end.

    Each row starts with a conversation, as each chat does; the last one of a row is cut off.
    """
    conversations = corpus.training(plan.seed, kept_away)
    rows: list[list[int]] = []
    row: list[int] = []
    while True:
        texts = [render(tokenizer, next(conversations)) for _ in range(64)]
        for encoded in tokenizer(texts)["input_ids"]:
            row += encoded
            if len(row) >= CONTEXT:
                rows.append(row[:CONTEXT])
                row = []
        while len(rows) >= plan.sequences:
            yield torch.tensor(rows[: plan.sequences])
            del rows[: plan.sequences]


def render(tokenizer: PreTrainedTokenizerFast, messages: corpus.Conversation) -> str:
    """The conversation as text, special tokens written out."""
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def new_optimizer(model: LlamaForCausalLM, plan: Plan) -> torch.optim.AdamW:
    """AdamW with decay for matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": plan.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
        fused=True,
    )


def train(model: LlamaForCausalLM, data: Iterator[torch.Tensor], plan: Plan) -> None:
    """Run the plan, printing loss and speed. Compiling needs a C++ compiler; it halves the time."""
    optimizer = new_optimizer(model, plan)
    compiled = torch.compile(model)
    begin = time.monotonic()
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        ids = next(data)
        with rounding.rounded_weights(model, rounding.round_to_int4 if plan.rounds(step) else None):
            loss = learn(compiled, ids)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == plan.steps - 1:
            seconds = time.monotonic() - begin
            speed = (step + 1) * ids.numel() / seconds
            print(f"step {step} loss {loss:.4f} {speed:.0f} tokens/s {seconds:.0f} s", flush=True)


def learn(model: Model, ids: torch.Tensor) -> float:
    """Gradients of one batch; returns the mean loss (nats a token)."""
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    return float(loss.item())


@torch.inference_mode()
def perplexity(model: LlamaForCausalLM, ids: torch.Tensor) -> float:
    """Perplexity of ids [n], in windows of CONTEXT tokens."""
    nats = 0.0
    count = 0
    for window in torch.split(ids, CONTEXT):
        if len(window) > 1:
            loss = model(input_ids=window[None], labels=window[None], use_cache=False).loss
            nats += loss.item() * (len(window) - 1)
            count += len(window) - 1
    return math.exp(nats / count)


def finish(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, held_out: torch.Tensor
) -> dict[str, float]:
    """Make the trained model a bf16 one; returns its held-out perplexity for each precision."""
    # Not model.to(): that would also round the rotary frequencies, which stay in float32.
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    model.eval()
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
    )
    found = {}
    for name, rounds in rounding.PRECISIONS.items():
        with rounding.rounded_weights(model, rounds):
            found[name] = perplexity(model, held_out)
    return found


def write_folder(
    out: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: dict[str, str]
) -> None:
    """Write the model beside `out` and then put it in place, so that nobody reads half of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".demo-model-", dir=out.parent))
    model.save_pretrained(work)
    tokenizer.save_pretrained(work)
    # save_pretrained drops "Fast" from the class's name; a reader should not have to guess it.
    settings = work / "tokenizer_config.json"
    slow, fast = '"PreTrainedTokenizer"', '"PreTrainedTokenizerFast"'
    settings.write_text(settings.read_text("utf-8").replace(slow, fast), "utf-8")
    for name, text in texts.items():
        (work / name).write_text(text, encoding="utf-8", newline="")
    out.mkdir(exist_ok=True)
    # The weights go last: a folder with new weights has everything else that belongs to them.
    for path in sorted(work.iterdir(), key=lambda path: path.name == "model.safetensors"):
        path.chmod(0o644)
        path.replace(out / path.name)
    shutil.rmtree(work)


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    parser.add_argument("--steps", type=int, default=1300, help="of 8192 tokens each")
    options = parser.parse_args()
    plan = Plan(steps=options.steps)
    torch.manual_seed(plan.seed)
    kept_away = corpus.held_out(plan.seed, 120)
    tokenizer = train_tokenizer(plan.seed)
    held_out = "".join(render(tokenizer, messages) for messages in kept_away)
    model = new_model(tokenizer)
    begin = time.monotonic()
    train(model, batches(tokenizer, plan, kept_away), plan)
    minutes = (time.monotonic() - begin) / 60
    found = finish(model, tokenizer, torch.tensor(tokenizer(held_out)["input_ids"]))
    print(json.dumps({"perplexity": found, "minutes": minutes}))
    tokens = plan.steps * plan.sequences * CONTEXT
    readme = card.readme(model.num_parameters(), tokens, minutes, found)
    write_folder(options.out, model, tokenizer, {"README.md": readme, "held-out.txt": held_out})


if __name__ == "__main__":
    main()
