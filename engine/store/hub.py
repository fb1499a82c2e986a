"""The Hugging Face Hub through its own client: search, and what there is to know of a model.

What it answers is untrusted: names and hashes become paths, so they are checked before use.
huggingface_hub is imported where it is needed: it takes longer than the window's first paint may.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import (
    DamagedRepository,
    GatedModel,
    HostileRepository,
    HubTrouble,
    NotOnHub,
    RateLimited,
    TernError,
    TokenRefused,
)
from engine.model_config import FAMILIES
from engine.network import Network
from engine.store.description import (
    Description,
    FoundModel,
    RemoteFile,
    architecture_of,
    check_names,
    judge,
    quantised_by,
    weight_bytes,
)
from engine.store.reference import MAIN, Reference, endpoint, is_commit, is_hash, is_revision
from engine.store.token import read_token

if TYPE_CHECKING:
    import requests
    from huggingface_hub import HfApi, ModelInfo

Sort = Literal["downloads", "likes"]
_CONFIG_LIMIT = 1_000_000  # bytes
_CONNECT_S = 10.0
_SAID_OF_EACH = ["config", "downloads", "gated", "likes", "safetensors", "tags"]


class Hub:
    """The Hub that HF_ENDPOINT names. read_timeout: seconds without a byte until it gives up."""

    def __init__(self, network: Network, read_timeout: float = 20.0) -> None:
        self.network = network
        self._timeout = (_CONNECT_S, read_timeout)

    def session(self) -> "requests.Session":
        """Return a new session, for one thread."""
        from engine.store.session import make_session

        return make_session(self.network, self._timeout)

    def search(
        self, query: str = "", sort: Sort = "downloads", limit: int = 30
    ) -> list[FoundModel]:
        """Return text-generation models with safetensors whose names match `query`.

        Those of architectures that Tern does not run are marked, not left out. Raises Sealed,
        Unreachable and others of `failures`.
        """
        with self.network.purpose("Searching the Hub"), failures("the search"):
            found = self._api(read_token()).list_models(
                search=query.strip() or None,
                pipeline_tag="text-generation",
                filter="safetensors",
                sort=sort,
                direction=-1,
                limit=limit,
                expand=_SAID_OF_EACH,
            )
            return [_found(model) for model in found]

    def describe(self, repo: str, revision: str | None = None) -> Description:
        """Return what the Hub says of a model at `revision` (main), without downloading it.

        What Tern would not download has a `refusal`. Raises NotOnHub, DamagedRepository,
        HostileRepository, Sealed, Unreachable and others of `failures`.
        """
        reference = Reference(repo, revision or MAIN)
        if not is_revision(reference.revision):
            raise NotOnHub(what=f"revision {reference.revision[:80]!r} of {repo}")
        with self.network.purpose(f"Reading about {repo}"), failures(str(reference)):
            token = read_token()
            api = self._api(token)
            info = api.model_info(repo, revision=reference.revision, files_metadata=True)
            files = _files(repo, info)
            config = self._config(repo, info, files, token)
        architecture = architecture_of(config or info.config)
        page = f"{endpoint()}/{repo}"
        shape, refusal = judge(repo, files, architecture, config, page)
        counts = info.safetensors.parameters if info.safetensors else {}
        return Description(
            reference=reference,
            commit=str(info.sha),
            files=files,
            licence=_licence(info),
            gated=bool(info.gated),
            downloads=info.downloads or 0,
            likes=info.likes or 0,
            parameters=sum(counts.values()),
            dtype=max(counts, key=lambda dtype: counts[dtype]) if counts else "",
            architecture=architecture,
            quantised=quantised_by(config or info.config),
            config=config,
            shape=shape,
            refusal=refusal,
        )

    def address(self, repo: str, commit: str, path: str) -> str:
        """Return where the file `path` of a commit is fetched."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repo, path, revision=commit, endpoint=endpoint())

    def _api(self, token: str | None) -> "HfApi":
        from huggingface_hub import HfApi, configure_http_backend

        # The client has one session factory for the whole process: each use sets it anew.
        configure_http_backend(self.session)
        return HfApi(endpoint(), token=token or False, headers={"user-agent": "tern"})

    def _config(
        self, repo: str, info: "ModelInfo", files: tuple[RemoteFile, ...], token: str | None
    ) -> dict[str, Any] | None:
        """Return config.json, {} where there is none, None where the gate is closed."""
        from engine.store.session import read_bounded

        if not any(file.path == "config.json" for file in files):
            return {}
        address = self.address(repo, str(info.sha), "config.json")
        headers = authorisation(token)
        with (
            self.session() as session,
            session.get(address, headers=headers, stream=True) as response,
        ):
            try:
                raise_for_status(response, repo)
            except GatedModel:
                return None
            body = read_bounded(response, _CONFIG_LIMIT)
        return _config_in(repo, body)


def authorisation(token: str | None) -> dict[str, str]:
    """Return the header that carries an access token, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextlib.contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn what huggingface_hub and requests raise into explained failures.

    Raises NotOnHub, GatedModel, TokenRefused, RateLimited, Unreachable, UntrustedCertificate or
    HubTrouble.
    """
    import requests
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    from engine.store.session import explained

    try:
        yield
    except TernError:
        raise
    except HfHubHTTPError as error:
        raise _said_by_the_hub(error, what) from error
    except HFValidationError as error:
        raise NotOnHub(what=what) from error
    except requests.exceptions.JSONDecodeError as error:
        raise HubTrouble(what=what, reason="its answer is not readable") from error
    except (requests.RequestException, OSError) as error:
        raise explained(error, endpoint()) from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise HubTrouble(what=what, reason="its answer is not readable") from error


def raise_for_status(response: "requests.Response", repo: str) -> None:
    """Raise what `failures` raises where the Hub refused."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    try:
        hf_raise_for_status(response)
    except HfHubHTTPError as error:
        raise _said_by_the_hub(error, repo) from error


def _said_by_the_hub(error: Any, what: str) -> TernError:
    from huggingface_hub import errors

    status, repo = error.response.status_code, what.partition("@")[0]
    if isinstance(error, errors.GatedRepoError):
        return GatedModel(repo=repo, url=f"{endpoint()}/{repo}")
    missing = (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.EntryNotFoundError,
    )
    if isinstance(error, missing) or status == 404:
        return NotOnHub(what=what)
    if status in (401, 403):
        return TokenRefused()
    if status == 429:
        return RateLimited(wait=_wait(error.response.headers.get("Retry-After", "")))
    return HubTrouble(what=what, reason=f"it answered with HTTP {status}")


def _wait(retry_after: str) -> str:
    return f"{retry_after} seconds" if retry_after.isdigit() else "a few minutes"


def _found(model: "ModelInfo") -> FoundModel:
    architecture = architecture_of(model.config)
    parameters = model.safetensors.parameters if model.safetensors else {}
    return FoundModel(
        repo=model.id,
        architecture=architecture,
        supported=architecture in FAMILIES,
        quantised=quantised_by(model.config),
        gated=bool(model.gated),
        licence=_licence(model),
        parameters=sum(parameters.values()),
        weight_bytes=weight_bytes(parameters),
        downloads=model.downloads or 0,
        likes=model.likes or 0,
    )


def _licence(model: "ModelInfo") -> str:
    """The licence's name; the publisher's own where the Hub knows it as "other" only."""
    tags = [tag for tag in model.tags or () if str(tag).startswith("license:")]
    licence = str(tags[0]).removeprefix("license:")[:60] if tags else ""
    own = model.card_data.get("license_name") if licence == "other" and model.card_data else None
    return str(own)[:60] if own else licence


def _config_in(repo: str, body: bytes | None) -> dict[str, Any]:
    if body is None:
        raise DamagedRepository(repo=repo, reason="its config.json is too large for one")
    try:
        config = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "its config.json is not readable JSON"
        raise DamagedRepository(repo=repo, reason=reason) from error
    if not isinstance(config, dict):
        raise DamagedRepository(repo=repo, reason="its config.json holds no JSON object")
    return config


def _files(repo: str, info: "ModelInfo") -> tuple[RemoteFile, ...]:
    """Return the files of the commit. Raises HostileRepository for what is no name or no hash."""
    siblings = info.siblings or []
    check_names(repo, (str(sibling.rfilename) for sibling in siblings))
    if not is_commit(info.sha):
        raise HostileRepository(repo=repo, name=f"the commit {str(info.sha)[:80]!r}")
    files = []
    for sibling in siblings:
        size = sibling.lfs.size if sibling.lfs else sibling.size
        digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
        if not is_hash(digest) or not isinstance(size, int) or size < 0:
            raise HostileRepository(repo=repo, name=repr(sibling.rfilename[:80]))
        files.append(RemoteFile(sibling.rfilename, size, str(digest)))
    return tuple(files)
