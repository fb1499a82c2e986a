"""`tern models` and `tern network`, against a Hub on loopback where one is asked."""

import json
import shutil
import signal

import pytest

from engine.messages import Precision
from engine.paths import Paths
from engine.settings import SettingsFile
from tests.store.cached import cache_model, demo_folder
from tests.store.conftest import hub, noise_model  # noqa: F401  (hub is a fixture)
from tests.store.hub_repository import DEMO_MODEL

WEIGHTS = "model.safetensors"


@pytest.fixture
def on_hub(hub):  # noqa: F811
    """The Hub with a model that runs, and some that Tern would not fetch."""
    hub.add_model("org/chat", licence="mit", likes=7)
    config = json.loads((DEMO_MODEL / "config.json").read_bytes())
    hub.add_model("org/gated", gated="manual")
    hub.add_model("org/pickled", files={"config.json": _json(config), "pytorch_model.bin": b"x"})
    other = noise_model() | {"config.json": _json(config | {"architectures": ["TwoTower"]})}
    hub.add_model("org/other", files=other)
    hostile = hub.add_model("org/hostile")
    hostile.extra_siblings.append({"rfilename": "../x.json", "size": 1, "blobId": "0" * 40})
    large = config | {"num_hidden_layers": 900, "hidden_size": 65536}
    hub.add_model("org/huge", files=noise_model() | {"config.json": _json(large)})
    return hub


def _json(value):
    return json.dumps(value).encode()


def names(tern):
    return [model["name"] for model in tern("models", "list", "--json").json["models"]]


# -- on this computer ----------------------------------------------------------------------------


def test_list_tells_what_is_here_and_what_of_it_can_run(tern, model_cache):
    cache_model(model_cache, "org/chat")
    cache_model(model_cache, "org/half")
    (model_cache / "models--org--half/snapshots").rename(model_cache / "models--org--half/gone")
    result = tern("models", "list", "--json")
    assert result.code == 0
    demo, chat, half = result.json["models"]
    assert demo["name"] == "demo" and demo["is_demo"]
    assert (chat["name"], chat["can_run"], chat["origin"]) == (
        "org/chat",
        True,
        "Hugging Face cache",
    )
    assert chat["size"] == (DEMO_MODEL / WEIGHTS).stat().st_size
    assert set(chat["packed"]) == set(Precision)
    assert chat["parameters"] > 1_000_000
    assert (half["name"], half["can_run"], half["is_complete"]) == ("org/half", False, False)
    shown = tern("models", "list").out
    assert shown.startswith("demo ")
    assert "not finished" in shown


def test_a_folder_is_imported_in_place_or_as_a_copy(tern, tmp_path):
    folder = demo_folder(tmp_path / "here")
    assert tern("models", "import", folder).code == 0
    assert names(tern) == ["demo", str(folder)]
    copy = tern("models", "import", folder, "--copy", "--json").json
    assert copy["origin"] == "imported copy"
    assert copy["folder"] == str(Paths.default().imported / "here")
    again = tern("models", "import", folder, "--copy")
    assert (again.code, "already" in again.err) == (3, True)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / WEIGHTS).rename(folder / "model.bin"), "pickle"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "x.json").symlink_to("/etc/passwd"), "leads out of the folder"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_what_cannot_be_imported_is_explained(tern, tmp_path, spoil, sentence):
    folder = demo_folder(tmp_path / "here")
    spoil(folder)
    result = tern("models", "import", folder)
    assert result.code == 3
    assert sentence in result.err
    assert names(tern) == ["demo"]


def test_verify_names_what_is_damaged(tern, model_cache):
    folder = cache_model(model_cache, "org/chat")
    sound = tern("models", "verify", "org/chat")
    assert (sound.code, "every byte was compared" in sound.out) == (0, True)
    (folder / WEIGHTS).resolve().write_bytes(b"damaged")
    result = tern("models", "verify", "org/chat", "--json")
    assert result.code == 3
    assert result.json["damaged"] == [WEIGHTS]
    assert "--discard" in result.err
    assert "no hashes" in tern("models", "verify", "demo").out


def test_a_discarded_file_alone_is_fetched_again(tern, on_hub, model_cache):
    assert tern("models", "download", "org/chat").code == 0
    folder = model_cache / "models--org--chat"
    tokenizer = next(folder.glob("snapshots/*/tokenizer.json"))
    size = tokenizer.stat().st_size
    tokenizer.resolve().write_bytes(bytes(size))
    before = on_hub.sent()
    discarded = tern("models", "verify", "org/chat", "--discard", "--json").json["discarded"]
    assert discarded == ["tokenizer.json"]
    assert tern("models", "download", "org/chat").code == 0
    assert on_hub.sent("tokenizer.json") == 2 * size
    assert on_hub.sent(WEIGHTS) <= before
    assert tern("models", "verify", "org/chat").code == 0


def test_delete_asks_first(tern, model_cache, monkeypatch):
    folder = cache_model(model_cache, "org/chat")
    unasked = tern("models", "delete", "org/chat")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    monkeypatch.setattr("engine.cli.console.is_terminal", lambda _: True)
    for answer, code in (("", 3), ("no\n", 3), ("y\n", 0)):
        assert folder.exists()
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer, raising=False)
        result = tern("models", "delete", "org/chat")
        assert result.code == code
        assert "Delete org/chat and free 10 MiB? [y/N]" in result.err
        assert "other programs may use it" in result.err
    assert not folder.exists()


def test_delete_frees_what_it_says(tern, model_cache):
    cache_model(model_cache, "org/chat")
    size = sum(
        p.lstat().st_size for p in model_cache.rglob("*") if p.is_file() and not p.is_symlink()
    )
    result = tern("models", "delete", "org/chat", "--yes", "--json")
    assert result.code == 0
    assert result.json["freed_bytes"] == size
    assert names(tern) == ["demo"]
    assert tern("models", "delete", "org/chat", "--yes").code == 3


def test_move_takes_the_models_along(tern, model_cache, tmp_path):
    cache_model(model_cache, "org/chat")
    target = tmp_path / "other disk"
    assert tern("models", "move", target).code == 2
    result = tern("models", "move", target, "--yes", "--json")
    assert result.code == 0
    assert result.json["root"] == str(target)
    assert result.json["moved_bytes"] > 10_000_000
    assert tern("models", "list", "--json").json["models"][1]["origin"] == "downloaded"
    assert SettingsFile.of(Paths.default()).value.models == str(target)
    assert tern("models", "move", target, "--yes").code == 3


def test_sweep_deletes_packed_weights_of_no_model(tern):
    assert "nothing" in tern("models", "sweep").out
    folder = Paths.default().packed / "gone-0123456789ab-int8-tern-panel16-1"
    folder.mkdir(parents=True)
    (folder / "head.safetensors").write_bytes(bytes(5_000_000))
    listed = tern("models", "list")
    assert "5 MiB of packed weights belong to no model" in listed.err
    assert tern("models", "sweep").code == 2
    assert tern("models", "sweep", "--yes", "--json").json["freed_bytes"] == 5_000_000
    assert not folder.exists()


# -- with the Hub --------------------------------------------------------------------------------


def test_search(tern, on_hub):
    result = tern("models", "search", "chat", "--json")
    assert [model["repo"] for model in result.json["models"]] == ["org/chat"]
    shown = tern("models", "search", "--sort", "likes").out
    assert "mit" in next(line for line in shown.splitlines() if line.startswith("org/chat"))
    assert "gated" in next(line for line in shown.splitlines() if line.startswith("org/gated"))
    assert "cannot run TwoTower" in shown
    assert "no such" in tern("models", "search", "nothing-of-the-kind").err


def test_show_says_before_a_download_what_it_takes(tern, on_hub):
    result = tern("models", "show", f"{on_hub.url}/org/chat", "--json")
    assert result.code == 0
    assert result.json["licence"] == "mit"
    assert result.json["refusal"] == ""
    assert result.json["download_bytes"] > 10_000_000
    looks = {look["precision"]: look for look in result.json["outlooks"]}
    assert set(looks) == set(Precision)
    assert looks["bf16"]["fit"] == "fits"
    assert looks["bf16"]["packing"] == 0 < looks["int4"]["packing"]
    assert "bf16: fits:" in tern("models", "show", "org/chat").out
    assert on_hub.sent(WEIGHTS) == 0


def test_show_of_a_model_here_asks_nobody(tern, hub, model_cache):  # noqa: F811
    cache_model(model_cache, "org/chat")
    result = tern("models", "show", "org/chat", "--json")
    assert result.json["name"] == "org/chat"
    assert len(result.json["outlooks"]) == 3
    assert "fits" in tern("models", "show", "demo").out
    assert hub.log == []
    assert tern("network", "--json").json["connections"] == []


def test_a_download_can_be_used_at_once(tern, on_hub, model_cache):
    result = tern("models", "download", "org/chat", "--json")
    assert result.code == 0
    assert result.json["model"] == "org/chat"
    assert result.json["folder"].startswith(str(model_cache))
    assert names(tern) == ["demo", "org/chat"]
    assert tern("models", "verify", "org/chat", "--json").json["by_hash"]
    sent = on_hub.sent()
    assert tern("models", "download", "org/chat").code == 0
    assert on_hub.sent(WEIGHTS) <= sent
    assert tern("generate", "--model", "org/chat", "--prompt", "hello").code == 0


def test_a_download_goes_into_the_own_root(tern, on_hub, tmp_path, model_cache):
    SettingsFile.of(Paths.default()).change(models=str(tmp_path / "own"))
    assert tern("models", "download", "org/chat").code == 0
    assert (tmp_path / "own" / "models--org--chat").is_dir()
    assert not model_cache.exists()
    assert names(tern) == ["demo", "org/chat"]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("org/gated", "is gated"),
        ("org/pickled", "pickle"),
        ("org/other", "TwoTower"),
        ("org/hostile", "would leave the model's folder"),
        ("org/nothing", "no org/nothing"),
        ("nonsense", "neither the name nor the address"),
        ("org/huge", "--regardless"),
    ],
)
def test_what_is_not_downloaded_is_explained(tern, on_hub, model_cache, model, sentence):
    result = tern("models", "download", model)
    assert result.code == 3
    assert result.err.startswith("error: ")
    assert sentence in result.err
    assert on_hub.sent(WEIGHTS) == 0
    assert not list(model_cache.glob("**/blobs/*"))


def test_what_will_not_fit_is_downloaded_regardless(tern, on_hub):
    assert tern("models", "download", "org/huge", "--regardless").code == 0
    assert names(tern) == ["demo", "org/huge"]
    looks = tern("models", "show", "org/huge", "--json").json["outlooks"]
    assert {look["fit"] for look in looks} == {"will not fit"}


def test_ctrl_c_pauses_a_download_and_the_next_goes_on(tern, spawn, on_hub):
    size = (DEMO_MODEL / WEIGHTS).stat().st_size
    slow = on_hub.fault("slow", path=WEIGHTS, at=2_000_000)
    child = spawn("models", "download", "org/chat")
    while on_hub.sent(WEIGHTS) < 1_000_000:
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Paused: " in err
    assert b"`tern models download org/chat` goes on with it." in err
    slow.times = 0
    assert tern("models", "list", "--json").json["models"][1]["is_complete"] is False
    assert tern("models", "download", "org/chat").code == 0
    assert on_hub.sent(WEIGHTS) < 1.5 * size
    assert tern("models", "verify", "org/chat").code == 0


def test_the_catalogue_needs_nobody(tern, hub):  # noqa: F811
    result = tern("models", "catalogue", "--json")
    assert result.code == 0
    best = result.json["models"][0]
    assert best["fits"]
    assert best["needed_bytes"] > 100_000_000
    assert {"repo", "parameters", "licence", "download_bytes", "context"} <= best.keys()
    assert len(tern("models", "catalogue").out.splitlines()) == len(result.json["models"])
    assert hub.log == []


# -- the network ---------------------------------------------------------------------------------


def test_the_ledger_tells_each_connection_and_why(tern, on_hub):
    tern("models", "show", "org/chat")
    connections = tern("network", "--json").json["connections"]
    assert connections
    assert {c["host"] for c in connections} == {"127.0.0.1"}
    assert all(c["allowed"] and "org/chat" in c["why"] for c in connections)
    assert "Reading about org/chat" in tern("network").out


def test_sealed_nothing_is_asked_and_all_that_is_here_works(tern, on_hub, model_cache):
    cache_model(model_cache, "org/here")
    assert "Sealed" in tern("network", "--seal").out
    for verb in (("search", "chat"), ("show", "org/chat"), ("download", "org/chat")):
        result = tern("models", *verb)
        assert result.code == 3
        assert "Sealed mode is on" in result.err
    assert on_hub.log == []
    for argv in (("models", "list"), ("models", "show", "org/here"), ("models", "catalogue")):
        assert tern(*argv).code == 0
    assert tern("network", "--json").json["sealed"] is True
    assert tern("network", "--unseal", "--json").json["sealed"] is False
    assert tern("models", "show", "org/chat").code == 0


# -- regardless ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["generate", "chat"])
def test_a_load_that_will_not_fit_can_go_on_regardless(tern, command, monkeypatch):
    argv = (command, "--context-length", "15")
    if command == "generate":
        argv += ("--prompt", "hello")
    else:
        lines = iter(["hello\n", ""])
        monkeypatch.setattr("engine.cli.lines.LineReader.read", lambda _: next(lines) or None)
    refused = tern(*argv)
    assert refused.code == 3
    assert "--regardless" in refused.err
    if command == "chat":
        lines = iter(["hello\n", ""])
    result = tern(*argv, "--regardless")
    assert result.code == 0
    assert "You said" in result.out
