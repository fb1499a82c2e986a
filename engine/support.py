"""The support archive: what helps to find a fault, and nothing that a person wrote.

`collect` gathers it as texts, so that all of it can be read before anybody gets it; `write` makes
the zip. Chats, prompts, answers, names of the person's files and access tokens are never in it.
"""

import contextlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import tomli_w

from engine.errors import ExportFailed
from engine.paths import Paths
from engine.redaction import Redactor
from engine.settings import Settings, SettingsFile
from engine.store.hub_cache import model_roots
from engine.store.local import Origin, StoredModel
from engine.store.token import known_tokens

NEVER = "Your chats, prompts, answers, files and access tokens are not in it."
_LOG_END = 300_000  # bytes; what is before them is older
_VARIABLES = (
    *("TERN_HOME", "TERN_ISA", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
    *("OMP_NUM_THREADS", "KMP_AFFINITY", "KMP_BLOCKTIME", "LD_PRELOAD", "PYTHONPATH"),
    *("QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "QT_STYLE_OVERRIDE", "XDG_SESSION_TYPE"),
    *("XDG_CURRENT_DESKTOP", "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL", "LANGUAGE"),
)
# Their values may hold a password.
_WHETHER_SET = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE")


def collect(
    paths: Paths, doctor: Iterable[tuple[str, str]], models: Iterable[StoredModel]
) -> dict[str, str]:
    """Return the archive's files by name. doctor: the lines of `tern doctor`, name and text."""
    settings = SettingsFile.of(paths).value
    redact = Redactor(paths, model_roots(settings), known_tokens())
    files = {
        "doctor.txt": "".join(f"{name:16}{text}".rstrip() + "\n" for name, text in doctor),
        "models.txt": "".join(f"{_told(model)}\n" for model in models),
        "settings.toml": _settings(settings),
        "environment.txt": _environment(os.environ),
    }
    for log in (paths.window_log, paths.engine_log):
        for file in (log, log.with_suffix(".1.log"), log.with_suffix(".log.1")):
            files[f"logs/{file.name}"] = _end_of(file)
    for number, file in enumerate(sorted(paths.logs.glob(paths.CRASHES)), 1):
        files[f"logs/crash-{number}.txt"] = _end_of(file)
    redacted = {name: redact(text) for name, text in files.items() if text}
    return {"README.txt": _contents(redacted), **redacted}


def write(file: Path, files: Mapping[str, str]) -> None:
    """Write `files` as a zip, all or nothing. Raises ExportFailed."""
    draft = file.with_name(f"{file.name}.part")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        draft.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise ExportFailed(file=file, reason=error.strerror or error) from error


def file_name(now: datetime) -> str:
    """Return what an archive is called unless the person names it."""
    return f"tern-support-{now:%Y-%m-%d-%H%M}.zip"


def _contents(files: Mapping[str, str]) -> str:
    lines = (f"{len(text.encode()):>9,}  {name}\n" for name, text in files.items())
    return f"A support archive of Tern. {NEVER}\n\n   bytes  file\n{''.join(lines)}"


def _told(model: StoredModel) -> str:
    is_folder = model.origin in (Origin.FOLDER, Origin.COPY)
    packed = ", ".join(f"{precision} packed {size:,}" for precision, size in model.packed.items())
    parts = (model.title if is_folder else model.name, str(model.origin), f"{model.size:,} bytes")
    return "; ".join(filter(None, (*parts, packed, model.problem)))


def _settings(settings: Settings) -> str:
    """The known settings: what a newer version or somebody else wrote there stays where it is."""
    fields = msgspec.to_builtins(settings)
    del fields["chat"]
    fields["folders"] = len(settings.folders)
    fields["models"] = "moved" if settings.models else ""
    fields["threads"] = sorted(
        f"{' '.join(key.split()[:2])}: {threads}" for key, threads in settings.threads.items()
    )
    if settings.model.startswith("~") or Path(settings.model).is_absolute():
        fields["model"] = "a folder"
    return tomli_w.dumps({name: value for name, value in fields.items() if value is not None})


def _environment(variables: Mapping[str, str]) -> str:
    told = [f"{name}={variables[name]}" for name in _VARIABLES if name in variables]
    told += [f"{name} is set" for name in _WHETHER_SET if variables.get(name)]
    return "".join(f"{line}\n" for line in told)


def _end_of(file: Path) -> str:
    """The last lines of a log, "" where there is none."""
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _LOG_END))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[2] if size > _LOG_END else text
