"""`tern` with the fake engine, as a program of its own: for signals, pipes and terminals."""

import sys
from pathlib import Path

from engine.cli.main import main
from engine.client import EngineClient
from engine.paths import Paths

FAKE = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], lambda: EngineClient(Paths.default(), command=FAKE)))
