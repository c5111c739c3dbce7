"""`w9x service`: the systemd user units, which belong to the daemon (`python -m w9xd service`)."""

from __future__ import annotations

import os
import subprocess
import sys

import click

EPILOG = """\b
Without systemd nothing of this is needed: `w9x run` starts the daemon by itself.
Examples:
  w9x service install      systemd listens on the daemon's socket and starts it when it is needed
  w9x service status
"""


@click.command(epilog=EPILOG)
@click.argument("action", type=click.Choice(["install", "uninstall", "status"]))
def service(action: str) -> int:
    """Install, remove or show the daemon's systemd user units."""
    # The daemon finds its packages where this process finds them, installed or not.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-m", "w9xd", "service", action], env=environment, check=False).returncode
