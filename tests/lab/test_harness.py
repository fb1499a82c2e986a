"""lm-evaluation-harness on Tern's engine, with a local task; skipped where it is not installed."""

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("lm_eval", reason="the harness is not installed")

import torch
from lm_eval.api.instance import Instance
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM

from engine.errors import BadSetting
from engine.lab.harness import TernLM
from engine.models import demo_model

CHOICES = """
task: tern_sums
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: multiple_choice
doc_to_text: "3 plus 4 is"
doc_to_choice: [" 7.", " horse quickly"]
doc_to_target: "{{label}}"
metric_list: [{metric: acc}]
"""
WRITING = """
task: tern_writing
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["."], do_sample: false, max_gen_toks: 16}
metric_list: [{metric: exact_match}]
"""
READING = """
task: tern_reading
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{story}}"
metric_list: [{metric: byte_perplexity}]
"""
ROW = {
    "label": 0,
    "question": "<|user|>What is 3 plus 4?<|assistant|>",
    "answer": "3 plus 4 is 7",
    "story": "Once upon a time there was a quiet fox who lived in a garden.",
}


def request(kind: str, *arguments: object) -> Instance:
    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


@pytest.fixture(scope="module")
def model() -> TernLM:
    return TernLM(model="demo", precision="bf16", kernel="native")


def test_its_tasks_run_from_end_to_end(tmp_path: Path, model: TernLM) -> None:
    data = tmp_path / "data.jsonl"
    prompt = model.apply_chat_template([{"role": "user", "content": "What is 3 plus 4?"}])
    data.write_text(json.dumps(ROW | {"question": prompt}) + "\n", encoding="utf-8")
    for name, task in (("sums", CHOICES), ("writing", WRITING), ("reading", READING)):
        (tmp_path / f"{name}.yaml").write_text(task.replace("DATA", str(data)), encoding="utf-8")
    names = ["tern_sums", "tern_writing", "tern_reading"]
    tasks = TaskManager(include_path=str(tmp_path), include_defaults=False)
    found = simple_evaluate(model=model, tasks=names, task_manager=tasks, bootstrap_iters=0)
    assert found is not None
    results = found["results"]
    assert results["tern_sums"]["acc,none"] == 1
    assert results["tern_writing"]["exact_match,none"] == 1
    assert 1 < results["tern_reading"]["byte_perplexity,none"] < 5


def test_log_likelihoods_are_those_of_transformers(model: TernLM) -> None:
    theirs = AutoModelForCausalLM.from_pretrained(demo_model().folder, torch_dtype=torch.float32)
    context, continuation = "Once upon a time there was a", " quiet fox who lived in a garden."
    [(ours, greedy)] = model.loglikelihood([request("loglikelihood", context, continuation)])
    ids, start = model.tok_encode(context + continuation), len(model.tok_encode(context))
    with torch.no_grad():
        logits = theirs(torch.tensor([ids])).logits[0, start - 1 : -1].double()
    logs = logits.log_softmax(-1)
    expected = float(logs[range(len(ids) - start), ids[start:]].sum())
    assert ours == pytest.approx(expected, rel=1e-2)
    assert greedy == (logits.argmax(-1).tolist() == ids[start:])


def test_a_rolling_window_reads_every_token_once(model: TernLM) -> None:
    """In a context of 16 tokens a text of 40 is read in several windows."""
    short = TernLM(model="demo", kernel="native", max_length=16)
    text = "The fox went home. " * 10
    [near] = short.loglikelihood_rolling([request("loglikelihood_rolling", text)])
    [whole] = model.loglikelihood_rolling([request("loglikelihood_rolling", text)])
    assert math.isfinite(near)
    assert near < whole < 0  # what is forgotten is harder to tell


def test_an_answer_ends_before_its_stop_string(model: TernLM) -> None:
    prompt = model.apply_chat_template([{"role": "user", "content": "What is 3 plus 4?"}])
    options = {"until": [" is"], "max_gen_toks": 20}
    assert model.generate_until([request("generate_until", prompt, options)]) == ["3 plus 4"]


def test_each_precision_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="precision cannot be int3"):
        TernLM(precision="int3")
    assert TernLM(precision="int8").tokenizer_name == "demo int8"
