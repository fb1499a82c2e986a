"""The support archive: what is in it can be read, and nothing that a person wrote is among it."""

import logging
import zipfile
from pathlib import Path

import keyring
import pytest

from desktop.history import History, MessageDraft  # noqa: F401
from engine.cli.doctor import support_files
from engine.errors import ExportFailed
from engine.logs import log_to
from engine.network import Connection, Ledger
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.support import write
from tests.store.test_token import MemoryKeyring
