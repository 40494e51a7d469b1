"""Settings that must stand before anything of Textual is imported, and the folders where tests keep their builders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "SSH_CONNECTION", "COCKPIT_HOME", "COCKPIT_CONFIG_DIR"):
    os.environ.pop(name, None)
os.environ.update(TEXTUAL_ANIMATIONS="none", TZ="UTC", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")

for folder in ("core", "sim", "venues", "panes", "app", "chart", "ops", "session"):
    sys.path.insert(0, str(Path(__file__).parent / folder))
