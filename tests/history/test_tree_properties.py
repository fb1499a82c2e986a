"""Whatever a person does in whatever order: nothing is lost, the path holds, exports come back."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from desktop.history import History, as_json, import_file

TEXTS = st.text(max_size=12)
PICK = st.integers(min_value=0)


@dataclass
class Node:
    """What the tree must hold of one message."""

    content: str
    role: str
    parent: int | None
    state: str = "whole"
    children: list[int] = field(default_factory=list)
    chosen: int | None = None


class Chatting(RuleBasedStateMachine):
    """A chat beside a plain model of it: nodes with a chosen child each."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History.temporary()
        self.chat = self.history.chats.create().id
        self.nodes: dict[int | None, Node] = {None: Node("", "root", None)}
        self.growing: set[int] = set()

    # -- what a person does ------------------------------------------------------------------

    @rule(text=TEXTS)
    def ask(self, text: str) -> None:
        self._added(self.history.messages.ask(self.chat, text).id, text, "user", self._path()[-1])

    @rule(pick=PICK)
    @precondition(lambda self: self._of("user"))
    def answer(self, pick: int) -> None:
        parent = self._pick(self._of("user"), pick)
        made = self.history.journal.begin_answer(parent, model="m").id
        self._choose(parent)
        self._added(made, "", "assistant", parent)
        self.nodes[made].state = "growing"
        self.growing.add(made)

    @rule(pick=PICK, text=TEXTS, state=st.sampled_from(["whole", "partial", "failed"]))
    @precondition(lambda self: self.growing)
    def end(self, pick: int, text: str, state: str) -> None:
        message = self._pick(sorted(self.growing), pick)
        self.history.journal.end_answer(message, text, state)
        self.growing.remove(message)
        self.nodes[message].content, self.nodes[message].state = text, state

    @rule(pick=PICK)
    @precondition(lambda self: self._ended())
    def resume(self, pick: int) -> None:
        message = self._pick(self._ended(), pick)
        self.history.journal.continue_answer(message)
        self._choose(message)
        self.nodes[message].state = "growing"
        self.growing.add(message)

    @rule(pick=PICK, text=TEXTS)
    @precondition(lambda self: len(self.nodes) > 1)
    def edit(self, pick: int, text: str) -> None:
        old = self.nodes[self._pick(self._messages(), pick)]
        message = self._pick(self._messages(), pick)
        self._choose(old.parent)
        self._added(self.history.messages.edit(message, text).id, text, old.role, old.parent)

    @rule(pick=PICK)
    @precondition(lambda self: len(self.nodes) > 1)
    def select(self, pick: int) -> None:
        message = self._pick(self._messages(), pick)
        self.history.messages.select(message)
        self._choose(message)

    @rule(pick=PICK)
    @precondition(lambda self: len(self.nodes) > 1)
    def remove(self, pick: int) -> None:
        message = self._pick(self._messages(), pick)
        below = self._below(message)
        assert self.history.messages.count_below(message) == len(below) - 1
        self.history.messages.remove(message)
        parent = self.nodes[self.nodes[message].parent]
        parent.children.remove(message)
        if parent.chosen == message:
            parent.chosen = max(parent.children, default=None)
        for gone in below:
            del self.nodes[gone]
            self.growing.discard(gone)

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_path_is_the_chosen_one(self) -> None:
        path = self.history.messages.path(self.chat)
        assert [message.id for message in path] == self._path()[1:]
        for message in path:
            node = self.nodes[message.id]
            assert (message.role, message.content) == (node.role, node.content)
            assert (message.state, message.parent) == (node.state, node.parent)
            assert list(message.siblings) == self.nodes[node.parent].children

    @invariant()
    def nothing_is_lost(self) -> None:
        rows = self.history.database.rows("SELECT id, content FROM message")
        stored = {row["id"]: row["content"] for row in rows}
        assert stored == {name: self.nodes[name].content for name in self._messages()}

    def teardown(self) -> None:
        exported = as_json(self.history, [self.chat])
        other = History.temporary()
        with TemporaryDirectory() as folder:
            file = Path(folder) / "chats.json"
            file.write_bytes(exported)
            (copy,) = import_file(other, file).added
        assert as_json(other, [copy]) == exported.replace(b'"growing"', b'"partial"')
        there = other.messages.path(copy)
        here = self.history.messages.path(self.chat)
        assert [(m.content, m.place) for m in there] == [(m.content, m.place) for m in here]
        other.close()
        self.history.close()

    # -- the model ---------------------------------------------------------------------------

    def _messages(self) -> list[int]:
        return [name for name in self.nodes if name is not None]

    def _of(self, role: str) -> list[int]:
        return [name for name in self._messages() if self.nodes[name].role == role]

    def _ended(self) -> list[int]:
        return [name for name in self._of("assistant") if name not in self.growing]

    def _pick(self, names: list[int], pick: int) -> int:
        return names[pick % len(names)]

    def _added(self, name: int, content: str, role: str, parent: int | None) -> None:
        self.nodes[name] = Node(content, role, parent)
        self.nodes[parent].children.append(name)
        self.nodes[parent].chosen = name

    def _choose(self, name: int | None) -> None:
        while name is not None:
            parent = self.nodes[name].parent
            self.nodes[parent].chosen = name
            name = parent

    def _path(self) -> list[int | None]:
        path: list[int | None] = [None]
        while (step := self.nodes[path[-1]].chosen) is not None:
            path.append(step)
        return path

    def _below(self, name: int) -> list[int]:
        found = [name]
        for node in found:
            found += self.nodes[node].children
        return found


Chatting.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestChatting = pytest.mark.timeout(120)(Chatting.TestCase)
