"""The repositories that `hub_server` serves: commits of files, with the hashes the Hub gives."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.conftest import ROOT

DEMO_MODEL = ROOT / "assets" / "demo-model"
# What the Hub keeps in LFS, and so names by sha256; the rest are git blobs.
_LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".onnx", ".pt")
_LFS_SIZE = 10_000_000


@dataclass(frozen=True)
class StoredFile:
    """A file of a commit."""

    path: str
    content: bytes

    @property
    def is_lfs(self) -> bool:
        return self.path.endswith(_LFS_SUFFIXES) or len(self.content) > _LFS_SIZE

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob_id(self) -> str:
        """The id of git's blob: of the pointer file, where the content is in LFS."""
        content = self._pointer() if self.is_lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.blob_id

    def _pointer(self) -> bytes:
        size = len(self.content)
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {size}\n"
        ).encode()

    def sibling(self, blobs: bool) -> dict[str, Any]:
        """How model info lists it."""
        if not blobs:
            return {"rfilename": self.path}
        entry: dict[str, Any] = {
            "rfilename": self.path,
            "size": len(self.content),
            "blobId": self.blob_id,
        }
        if self.is_lfs:
            entry["lfs"] = {
                "sha256": self.sha256,
                "size": len(self.content),
                "pointerSize": len(self._pointer()),
            }
        return entry

    def tree_entry(self) -> dict[str, Any]:
        """How the tree lists it."""
        entry = {
            "type": "file",
            "path": self.path,
            "size": len(self.content),
            "oid": self.blob_id,
        }
        if self.is_lfs:
            entry["lfs"] = {
                "oid": self.sha256,
                "size": len(self.content),
                "pointerSize": len(self._pointer()),
            }
        return entry


@dataclass
class Repository:
    """A model repository; change its fields at any time.

    `granted` are the tokens that may read it where it is gated or private. `extra_siblings` are
    put into model info as they stand: names and hashes that no honest server would send.
    `facts` are put over what model info says.
    """

    name: str
    downloads: int = 1000
    likes: int = 10
    licence: str = "apache-2.0"
    pipeline_tag: str = "text-generation"
    gated: str | bool = False
    private: bool = False
    granted: set[str] = field(default_factory=set)
    parameters: dict[str, int] = field(default_factory=lambda: {"BF16": 5_249_000})
    config: dict[str, Any] = field(default_factory=dict)
    extra_siblings: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    commits: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes], ref: str = "main") -> str:
        """Make a commit of all of `files`, point `ref` to it and return its id."""
        stored = {path: StoredFile(path, content) for path, content in files.items()}
        listing = "".join(f"{file.etag} {path}\n" for path, file in sorted(stored.items()))
        sha = hashlib.sha1(f"{self.name} {len(self.commits)}\n{listing}".encode()).hexdigest()
        self.commits[sha] = stored
        self.refs[ref] = sha
        return sha

    def change(self, ref: str = "main", **changes: bytes) -> str:
        """Commit the files of `ref`, or of main, with some replaced; `__` is a name's dot."""
        before = self.files(ref) or self.files()
        files = {path: file.content for path, file in before.items()}
        return self.commit(
            files | {name.replace("__", "."): content for name, content in changes.items()}, ref
        )

    def find(self, revision: str) -> str | None:
        """Return the commit that a branch, tag or commit id means."""
        return self.refs.get(revision) or (revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> dict[str, StoredFile]:
        sha = self.find(revision)
        return self.commits[sha] if sha else {}

    @property
    def head(self) -> str:
        """The commit of main."""
        return self.refs["main"]

    @property
    def tags(self) -> list[str]:
        tags = ["transformers", self.pipeline_tag, f"license:{self.licence}"]
        names = self.files()
        return tags + (["safetensors"] if any(n.endswith(".safetensors") for n in names) else [])

    def listing(self) -> dict[str, Any]:
        """What a search says of it."""
        said = {
            "id": self.name,
            "modelId": self.name,
            "author": self.name.partition("/")[0],
            "sha": self.head,
            "downloads": self.downloads,
            "likes": self.likes,
            "private": self.private,
            "gated": self.gated,
            "pipeline_tag": self.pipeline_tag,
            "tags": self.tags,
            "config": self.config,
            "lastModified": "2025-01-02T03:04:05.000Z",
        }
        if "safetensors" in self.tags:
            said["safetensors"] = {
                "parameters": self.parameters,
                "total": sum(self.parameters.values()),
            }
        return said | self.facts

    def info(self, sha: str, blobs: bool) -> dict[str, Any]:
        """What model info says of a commit."""
        siblings = [file.sibling(blobs) for file in self.commits[sha].values()]
        return {
            **self.listing(),
            "sha": sha,
            "cardData": {"license": self.licence},
            "siblings": siblings + self.extra_siblings,
            **self.facts,
        }


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files under `folder` by their paths."""
    return {
        str(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
