"""What a download fetches: decided once, before anything is fetched, and kept with the queue."""

from dataclasses import dataclass

from engine.store.description import Description, RemoteFile


@dataclass(frozen=True)
class Plan:
    """What a download fetches: the files of one commit, whatever the branch becomes meanwhile."""

    repo: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def plan(description: Description) -> Plan:
    """Return what is to be fetched of a described model. Raises its refusal, if it has one."""
    description.require()
    reference = description.reference
    return Plan(reference.repo, reference.revision, description.commit, description.needed)
