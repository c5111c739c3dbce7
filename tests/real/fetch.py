"""Fetches published packages through the registries' ordinary clients (npm, apt), each pinned by SHA-256.

Which server is asked is the host's own configuration: apt's source lists, npm's settings. Nothing of the host is
changed: apt works with private lists in the test cache. An archive is fetched once and kept in the cache; an archive
with another digest is an error, never used. No network is a skip with the reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from tests.guest.build import cache_root, locked, tool

_TIMEOUT = 120.0
_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Unreachable(unittest.SkipTest):
    """The registry gave nothing: no network, or a package version this host's mirror does not carry."""


class WrongDigest(AssertionError):
    """The archive is not the one these tests were written for."""


def _run(command: list[str], folder: Path, what: str) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{what}: no answer within {_TIMEOUT:g} s") from None
    if done.returncode:
        told = [
            line for line in (done.stderr + done.stdout).splitlines() if "error" in line.lower() or line[:2] == "E:"
        ]
        raise Unreachable(f"{what}: {' | '.join(told[:3]) or f'exit code {done.returncode}'}")
    return done.stdout


def _keep(path: Path, sha256: str, place: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise WrongDigest(f"{path.name}: SHA-256 is {found}, expected {sha256}")
    shutil.move(path, place)


def npm_package(name: str, version: str, sha256: str) -> Path:
    """The .tgz of an npm package."""
    place = cache_root() / "downloads" / f"{name}-{version}.tgz"
    with locked(f"npm-{name}"):
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                folder = Path(scratch)
                _run(
                    [tool("npm", "npm"), "pack", "--loglevel=error", f"{name}@{version}"],
                    folder,
                    f"npm {name} {version}",
                )
                _keep(next(folder.glob("*.tgz")), sha256, place)
    return place


def debian_source(package: str, version: str, archive: str, sha256: str) -> Path:
    """The upstream archive ("NAME_VERSION.orig.tar.gz") of a Debian source package, without its Debian patches."""
    place = cache_root() / "downloads" / archive
    with locked("apt-source"):
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            options = _private_apt()
            with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                folder = Path(scratch)
                what = f"Debian source {package} {version}"
                apt = [tool("apt-get", "apt"), *options, "source", "--download-only", f"{package}={version}"]
                _run(apt, folder, what)
                _keep(folder / archive, sha256, place)
    return place


def _private_apt() -> list[str]:
    """Options that give apt-get source lists of its own, with deb-src lines for the archives the host already uses."""
    root = cache_root() / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    lines = _run(
        [tool("apt-get", "apt"), "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        root,
        "apt-get indextargets",
    ).splitlines()
    # Security and update suites are left out: they may list sources whose upstream archive only the main suite keeps.
    wanted = sorted({line for line in lines if "-" not in line.split()[1]})
    if not wanted:
        raise Unreachable("apt knows no package archive on this host")
    signed = f"[signed-by={_DEBIAN_KEYRING}] " if _DEBIAN_KEYRING.exists() else ""
    text = "".join(f"deb-src {signed}{line}\n" for line in wanted)
    sources = root / "sources.list"
    options = [
        "-o",
        f"Dir::Etc::sourcelist={sources}",
        "-o",
        "Dir::Etc::sourceparts=-",
        "-o",
        f"Dir::State::lists={root / 'lists'}",
        "-o",
        f"Dir::Cache={root}",
        "-o",
        "APT::Sandbox::User=",
        "-qq",
    ]
    if not sources.exists() or sources.read_text() != text:
        sources.write_text(text)
        try:
            _run([tool("apt-get", "apt"), *options, "update"], root, "apt-get update (private lists)")
        except Unreachable:
            sources.unlink()
            raise
    return options


def unpacked(archive: Path) -> Path:
    """The folder with an archive's content, in the cache."""
    place = cache_root() / "unpacked" / archive.name
    with locked(f"unpack-{archive.name}"):
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            work = place.with_name(f".{archive.name}.{os.getpid()}")
            with tarfile.open(archive) as tar:
                tar.extractall(work, filter="data")
            work.rename(place)
    return place
