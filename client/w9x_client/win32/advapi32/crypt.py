"""CryptoAPI: a provider for random numbers and for MD5 and SHA-1 hashes (SDK wincrypt.h).

That is what programs of the time used it for outside secure channels. No keys, no encryption: those fail with
NTE_BAD_ALGID.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, LPCTSTR, LPDWORD, LPHANDLE, PTR

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

PROV_RSA_FULL = 1
CRYPT_DELETEKEYSET = 0x10
CALG_MD5, CALG_SHA1 = 0x8003, 0x8004
HP_ALGID, HP_HASHVAL, HP_HASHSIZE = 1, 2, 4
NTE_BAD_UID, NTE_BAD_HASH, NTE_BAD_ALGID, NTE_BAD_TYPE = 0x8009_0001, 0x8009_0002, 0x8009_0008, 0x8009_000A
NTE_BAD_HASH_STATE, NTE_PROV_TYPE_NOT_DEF = 0x8009_000C, 0x8009_0017
RANDOM_MAX = 0x10_0000
_NAMES = {CALG_MD5: "md5", CALG_SHA1: "sha1"}
_FIRST_HANDLE = 0x00C4_0000


class Crypt:
    """Providers (None) and hashes by handle."""

    def __init__(self, process: Process) -> None:
        self.items: dict[int, tuple[int, Any] | None] = {}
        self._next = _FIRST_HANDLE

    def add(self, item: tuple[int, Any] | None) -> int:
        """A new handle."""
        self._next += 8
        self.items[self._next] = item
        return self._next

    def provider(self, handle: int) -> None:
        """NTE_BAD_UID unless ``handle`` is a provider."""
        if self.items.get(handle, False) is not None:
            raise WinError(NTE_BAD_UID)

    def hash(self, handle: int) -> tuple[int, Any]:
        """Algorithm and state; NTE_BAD_HASH."""
        found = self.items.get(handle)
        if found is None:
            raise WinError(NTE_BAD_HASH)
        return found


@advapi32.partial("random numbers, MD5 and SHA-1 only", aw=True)
def CryptAcquireContext(
    t: Task, phProv: LPHANDLE, szContainer: LPCTSTR, szProvider: LPCTSTR, dwProvType: DWORD, dwFlags: FLAGS
) -> BOOL:
    """Open the provider of type PROV_RSA_FULL; key containers are not kept."""
    if not phProv:
        raise WinError(Err.INVALID_PARAMETER)
    if dwProvType != PROV_RSA_FULL:
        raise WinError(NTE_PROV_TYPE_NOT_DEF)
    if not dwFlags & CRYPT_DELETEKEYSET:
        phProv.set(t.process.state(Crypt).add(None))
    return True


@advapi32.api()
def CryptReleaseContext(t: Task, hProv: HANDLE, dwFlags: FLAGS) -> BOOL:
    """Close a provider."""
    crypt = t.process.state(Crypt)
    crypt.provider(hProv)
    del crypt.items[hProv]
    return True


@advapi32.api()
def CryptGenRandom(t: Task, hProv: HANDLE, dwLen: DWORD, pbBuffer: PTR) -> BOOL:
    """Fill a buffer with random bytes."""
    t.process.state(Crypt).provider(hProv)
    t.mem.check(pbBuffer, dwLen, True)
    for at in range(0, dwLen, RANDOM_MAX):
        t.mem.write(pbBuffer + at, os.urandom(min(RANDOM_MAX, dwLen - at)))
    return True


@advapi32.partial("MD5 and SHA-1 only")
def CryptCreateHash(t: Task, hProv: HANDLE, Algid: DWORD, hKey: HANDLE, dwFlags: FLAGS, phHash: LPHANDLE) -> BOOL:
    """Begin a hash."""
    crypt = t.process.state(Crypt)
    crypt.provider(hProv)
    name = _NAMES.get(Algid)
    if name is None or hKey:
        raise WinError(NTE_BAD_ALGID)
    phHash.set(crypt.add((Algid, hashlib.new(name, usedforsecurity=False))))
    return True


@advapi32.api()
def CryptHashData(t: Task, hHash: HANDLE, pbData: PTR, dwDataLen: DWORD, dwFlags: FLAGS) -> BOOL:
    """Add data to a hash."""
    _, state = t.process.state(Crypt).hash(hHash)
    state.update(t.mem.view(pbData, dwDataLen))
    return True


@advapi32.partial("the algorithm, size and value")
def CryptGetHashParam(t: Task, hHash: HANDLE, dwParam: DWORD, pbData: PTR, pdwDataLen: LPDWORD, dwFlags: FLAGS) -> BOOL:
    """A property of a hash: its algorithm, size or value."""
    algorithm, state = t.process.state(Crypt).hash(hHash)
    if dwParam == HP_HASHVAL:
        data = state.digest()
    elif dwParam in (HP_ALGID, HP_HASHSIZE):
        data = (algorithm if dwParam == HP_ALGID else state.digest_size).to_bytes(4, "little")
    else:
        raise WinError(NTE_BAD_TYPE)
    if not pdwDataLen:
        raise WinError(Err.INVALID_PARAMETER)
    capacity = pdwDataLen.get()
    pdwDataLen.set(len(data))
    if pbData:
        if capacity < len(data):
            raise WinError(Err.MORE_DATA)
        t.mem.write(pbData, data)
    return True


@advapi32.api()
def CryptDestroyHash(t: Task, hHash: HANDLE) -> BOOL:
    """End a hash."""
    crypt = t.process.state(Crypt)
    crypt.hash(hHash)
    del crypt.items[hHash]
    return True


@advapi32.not_on_9x()
def SystemFunction036(t: Task, RandomBuffer: PTR, RandomBufferLength: DWORD) -> BOOL:
    """RtlGenRandom: random bytes for the run-time libraries of later compilers."""
    t.mem.check(RandomBuffer, RandomBufferLength, True)
    for at in range(0, RandomBufferLength, RANDOM_MAX):
        t.mem.write(RandomBuffer + at, os.urandom(min(RANDOM_MAX, RandomBufferLength - at)))
    return True
