"""Search and description of models: what the person sees before anything is fetched."""

import json
import socket
import time
from pathlib import Path

import pytest
import trustme

from engine.errors import (
    DamagedRepository,
    GatedModel,
    HostileRepository,
    HubTrouble,
    NoSafetensors,
    NotOnHub,
    PickleOnly,
    RateLimited,
    RemoteCodeOnly,
    TokenRefused,
    Unreachable,
    UnsupportedArchitecture,
    UnsupportedFeature,
    UntrustedCertificate,
)
from engine.network import Network
from engine.store.hub import Hub
from engine.store.plan import plan
from engine.store.session import make_session
from tests.store.conftest import noise_model
from tests.store.hub_repository import DEMO_MODEL
from tests.store.hub_server import HubServer

CONFIG = json.loads((DEMO_MODEL / "config.json").read_text())


def model_with(**changes: object) -> dict[str, bytes]:
    """A model whose config.json differs."""
    return noise_model() | {"config.json": json.dumps(CONFIG | changes).encode()}


# -- search --------------------------------------------------------------------------------------


def test_a_search_finds_by_words_and_sorts(hub: HubServer, client: Hub) -> None:
    hub.add_model("org/first-chat", downloads=5, likes=50)
    hub.add_model("org/second-chat", downloads=50, likes=5)
    hub.add_model("org/other", downloads=500)
    hub.add_model("org/chat-painter", pipeline_tag="text-to-image")
    hub.add_model("org/chat-pickle", files={"config.json": b"{}", "model.bin": b"x"})
    assert [m.repo for m in client.search("chat")] == ["org/second-chat", "org/first-chat"]
    assert client.search("chat", sort="likes")[0].repo == "org/first-chat"
    assert [m.repo for m in client.search(limit=1)] == ["org/other"]


def test_a_search_says_what_matters_for_the_choice(hub: HubServer, client: Hub) -> None:
    quantised = model_with(quantization_config={"quant_method": "gptq", "bits": 4})
    hub.add_model("org/a", licence="mit", gated="auto", parameters={"BF16": 2_000, "F32": 10})
    hub.add_model("org/b", files=model_with(architectures=["BertLMHeadModel"]), likes=7)
    hub.add_model("org/c", files=quantised)
    a, b, c = sorted(client.search(), key=lambda model: model.repo)
    assert (a.licence, a.gated, a.supported) == ("mit", True, True)
    assert (a.parameters, a.weight_bytes) == (2_010, 4_040)
    assert (b.architecture, b.supported, b.likes) == ("BertLMHeadModel", False, 7)
    assert (c.supported, c.quantised) == (True, "gptq")


def test_a_search_of_a_hub_that_talks_nonsense_is_a_sentence(hub: HubServer, client: Hub) -> None:
    hub.add_model("org/a", facts={"safetensors": {"nonsense": 1}, "config": "text"})
    with pytest.raises(HubTrouble):
        client.search()


# -- describe ------------------------------------------------------------------------------------


def test_a_description_says_all_there_is_to_know(hub: HubServer, client: Hub) -> None:
    repository = hub.add_model("tern/demo", likes=3, downloads=9, licence="mit")
    said = client.describe("tern/demo")
    assert said.refusal is None
    assert said.commit == repository.head
    assert (said.licence, said.gated, said.likes, said.downloads) == ("mit", False, 3, 9)
    assert (said.parameters, said.dtype) == (5_249_000, "BF16")
    assert said.config == CONFIG
    assert said.shape is not None
    assert said.shape.layers == 6
    hashes = {file.path: file.hash for file in said.files}
    assert hashes == {path: file.etag for path, file in repository.files().items()}
    assert "held-out.txt" not in {file.path for file in said.needed}
    assert said.download_bytes == sum(file.size for file in said.needed)
    assert hub.sent("model.safetensors") == 0


def test_a_licence_of_the_publishers_own_is_named(hub: HubServer, client: Hub) -> None:
    card = {"license": "other", "license_name": "qwen-research"}
    hub.add_model("org/model", licence="other", facts={"cardData": card})
    assert client.describe("org/model").licence == "qwen-research"


def test_a_revision_is_described(hub: HubServer, client: Hub) -> None:
    repository = hub.add_model("tern/demo")
    old = repository.head
    repository.refs["refs/pr/1"] = new = repository.change("dev", tokenizer__json=b"[]")
    assert client.describe("tern/demo", "dev").commit == new
    assert client.describe("tern/demo", "refs/pr/1").commit == new
    assert client.describe("tern/demo", old).commit == old
    for missing in ("nothing", "../../x"):
        with pytest.raises(NotOnHub):
            client.describe("tern/demo", missing)


def test_what_the_hub_does_not_have_is_said(
    hub: HubServer, client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model("org/private", private=True, granted={"hf_mine"})
    for name in ("org/nothing", "org/private", "org/na..me"):
        with pytest.raises(NotOnHub, match=r"org/"):
            client.describe(name)
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert client.describe("org/private").refusal is None


def test_a_gated_model_says_what_to_accept_and_where(
    hub: HubServer, client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model("org/gated", gated="manual", granted={"hf_good"})
    said = client.describe("org/gated")
    assert said.gated
    assert said.parameters
    assert isinstance(said.refusal, GatedModel)
    assert f"{hub.url}/org/gated" in said.refusal.advice
    with pytest.raises(GatedModel):
        plan(said)
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert client.describe("org/gated").refusal is None


def test_terms_are_not_asked_for_a_model_that_cannot_run(hub: HubServer, client: Hub) -> None:
    hub.add_model("org/gated", gated="auto", files=model_with(architectures=["TwoTower"]))
    assert isinstance(client.describe("org/gated").refusal, UnsupportedArchitecture)


AUTO_MAP = {"AutoModelForCausalLM": "modeling.Own"}
FOREIGN = {"architectures": ["OwnForCausalLM"]}


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        (model_with(**FOREIGN), UnsupportedArchitecture),
        (model_with(architectures=[]), UnsupportedArchitecture),
        (model_with(**FOREIGN, auto_map=AUTO_MAP), RemoteCodeOnly),
        (model_with(auto_map=AUTO_MAP), type(None)),
        (model_with(hidden_act="gelu"), UnsupportedFeature),
        (model_with(quantization_config={"quant_method": "fp8"}), UnsupportedFeature),
        (model_with(num_hidden_layers=-1), DamagedRepository),
        (model_with() | {"config.json": b"{}"}, UnsupportedArchitecture),
        ({"config.json": model_with()["config.json"], "pytorch_model.bin": b"x"}, PickleOnly),
        ({"config.json": model_with()["config.json"], "model.gguf": b"x"}, NoSafetensors),
        ({"README.md": b"x", "a.safetensors": b"x"}, UnsupportedArchitecture),
    ],
)
def test_what_cannot_run_is_said_before_the_download(
    files: dict[str, bytes], refusal: type, hub: HubServer, client: Hub
) -> None:
    hub.add_model("org/model", files=files)
    said = client.describe("org/model")
    assert type(said.refusal) is refusal
    assert (said.shape is None) == (said.refusal is not None)


@pytest.mark.parametrize(
    "config", [b"[]", b"not json", b"\xff\xfe", b'{"a":' * 100_000, b" " * 2_000_000]
)
def test_a_config_that_is_none_is_a_sentence(config: bytes, hub: HubServer, client: Hub) -> None:
    hub.add_model("org/model", files=noise_model() | {"config.json": config})
    with pytest.raises(DamagedRepository):
        client.describe("org/model")
    assert hub.sent("config.json") <= 2_000_000


HOSTILE = ["../x.json", "/etc/x", "a\\..\\x", "C:/x", "x\x00y", "a/../../x", "NUL.safetensors"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leaves_the_folder_condemns_the_repository(
    name: str, hub: HubServer, client: Hub, tmp_path: Path
) -> None:
    repository = hub.add_model("org/model")
    repository.extra_siblings.append({"rfilename": name, "size": 1, "blobId": "0" * 40})
    with pytest.raises(HostileRepository, match="would leave"):
        client.describe("org/model")


@pytest.mark.parametrize(
    "facts",
    [
        {"blobId": "../../x"},
        {"blobId": "0" * 39 + "/"},
        {"size": -1},
        {"size": "1"},
        {"lfs": {"sha256": "../x", "size": 1, "pointerSize": 1}},
    ],
)
def test_a_hash_or_size_that_is_none_condemns_it_too(
    facts: dict[str, object], hub: HubServer, client: Hub
) -> None:
    repository = hub.add_model("org/model")
    sibling = {"rfilename": "vocab.json", "size": 1, "blobId": "0" * 40}
    repository.extra_siblings.append(sibling | facts)
    with pytest.raises(HostileRepository):
        client.describe("org/model")


def test_a_commit_that_is_none_condemns_it_too(hub: HubServer, client: Hub) -> None:
    repository = hub.add_model("org/model")
    repository.facts["sha"] = "../../../x"
    with pytest.raises(HostileRepository):
        client.describe("org/model")


def test_of_a_repository_only_what_is_needed_is_fetched(hub: HubServer, client: Hub) -> None:
    wanted = {
        "config.json": model_with()["config.json"],
        "generation_config.json": b"{}",
        "model-00001-of-00002.safetensors": b"a",
        "model-00002-of-00002.safetensors": b"b",
        "model.safetensors.index.json": b"{}",
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "chat_template.jinja": b"{{ x }}",
        "LICENSE": b"do what you like",
        "README.md": b"read me",
    }
    others = {
        "consolidated.safetensors": b"again",
        "original/model.safetensors": b"again",
        "onnx/model.onnx": b"x",
        "pytorch_model.bin": b"x",
        "training_args.bin": b"x",
        "optimizer.pt": b"x",
        "modeling_own.py": b"import os",
        "model-q4.gguf": b"x",
        "flax_model.msgpack": b"x",
        "LICENSE.pdf": b"x",
        ".gitattributes": b"x",
        "USE_POLICY.md": b" " * 1_500_000,
    }
    hub.add_model("org/model", files=wanted | others)
    assert {file.path for file in client.describe("org/model").needed} == set(wanted)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"model.safetensors", "consolidated.safetensors"}, {"model.safetensors"}),
        ({"model.safetensors", "adapter_model.safetensors"}, {"model.safetensors"}),
        ({"gptq_model-4bit-128g.safetensors"}, {"gptq_model-4bit-128g.safetensors"}),
        ({"consolidated.safetensors"}, {"consolidated.safetensors"}),
    ],
)
def test_the_weights_are_taken_once(
    there: set[str], taken: set[str], hub: HubServer, client: Hub
) -> None:
    hub.add_model("org/model", files=dict.fromkeys(there, b"x") | {"config.json": b"{}"})
    needed = {file.path for file in client.describe("org/model").needed}
    assert needed - {"config.json"} == taken


# -- the line and the token ----------------------------------------------------------------------


def test_a_token_that_the_hub_does_not_know_is_named(
    hub: HubServer, client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_request: object) -> None:
        hub.fault("status", "*", status=401, times=1)

    hub.add_model("org/model")
    hub.on_request = refuse
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(TokenRefused):
        client.describe("org/model")


def test_too_many_questions_are_a_sentence(hub: HubServer, client: Hub) -> None:
    hub.add_model("org/model")
    hub.fault("status", "config.json", status=429, retry_after="30")
    with pytest.raises(RateLimited, match="30 seconds"):
        client.describe("org/model")


def test_a_hub_that_is_not_there_is_said_at_once(
    client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
            client.search()
        assert time.monotonic() - began < 5, "it tried again"


def test_a_hub_that_is_silent_is_given_up(client: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Unreachable, match="does not answer"):
            client.search()


def test_a_name_that_cannot_be_looked_up_is_said(
    client: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://no-such-host.invalid")
    with pytest.raises(Unreachable, match="looked up"):
        client.describe("org/model")


def test_the_proxy_of_the_environment_is_used_and_no_proxy_honoured(
    hub: HubServer, client: Hub, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model("org/model")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    assert [model.repo for model in client.search()] == ["org/model"]
    monkeypatch.setenv("NO_PROXY", "hub.example")
    with pytest.raises(Unreachable):
        client.search()


def test_a_proxy_that_is_not_there_is_named(client: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="proxy"):
        client.search()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_companys_own_certificate_is_trusted_where_the_system_is_told(
    variable: str, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with HubServer(certificate=authority.issue_cert("127.0.0.1")) as hub:
        hub.add_model("org/model")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert hub.url.startswith("https://")
        with pytest.raises(UntrustedCertificate, match="SSL_CERT_FILE"):
            Hub(network).search()
        monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
        assert [model.repo for model in Hub(network).search()] == ["org/model"]


def test_an_answer_without_end_is_cut_off(
    hub: HubServer, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.session.ANSWER_LIMIT", 1000)
    hub.add_model("org/model", facts={"tags": ["x" * 5000]})
    with pytest.raises(HubTrouble, match="too large"):
        Hub(network).search()
    assert make_session(network, (1, 1)).headers["User-Agent"] == "tern"
