"""Sound and joystick devices: there are none, and the functions say so (SDK mmsystem.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, LPHANDLE, PTR, UINT

from .dll import winmm

if TYPE_CHECKING:
    from w9x_client.process import Task

MMSYSERR_BADDEVICEID, MMSYSERR_INVALHANDLE, MMSYSERR_NODRIVER = 2, 5, 6
_NONE = "no devices: the documented answer of a computer without a sound card"


@winmm.stub(_NONE)
def waveOutGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def waveInGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def midiOutGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def midiInGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def auxGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def mixerGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def joyGetNumDevs(t: Task) -> UINT:
    """None."""
    return 0


@winmm.stub(_NONE)
def waveOutOpen(
    t: Task, phwo: LPHANDLE, uDeviceID: UINT, pwfx: PTR, dwCallback: PTR, dwInstance: PTR, fdwOpen: FLAGS
) -> UINT:
    """MMSYSERR_NODRIVER for the default device, else MMSYSERR_BADDEVICEID."""
    return MMSYSERR_NODRIVER if uDeviceID == 0xFFFF_FFFF else MMSYSERR_BADDEVICEID


@winmm.stub(_NONE)
def midiOutOpen(t: Task, phmo: LPHANDLE, uDeviceID: UINT, dwCallback: PTR, dwInstance: PTR, fdwOpen: FLAGS) -> UINT:
    """MMSYSERR_NODRIVER for the MIDI mapper, else MMSYSERR_BADDEVICEID."""
    return MMSYSERR_NODRIVER if uDeviceID == 0xFFFF_FFFF else MMSYSERR_BADDEVICEID


@winmm.stub(_NONE, aw=True)
def waveOutGetDevCaps(t: Task, uDeviceID: UINT, pwoc: PTR, cbwoc: UINT) -> UINT:
    """MMSYSERR_BADDEVICEID."""
    return MMSYSERR_BADDEVICEID


@winmm.stub(_NONE, aw=True)
def midiOutGetDevCaps(t: Task, uDeviceID: UINT, pmoc: PTR, cbmoc: UINT) -> UINT:
    """MMSYSERR_BADDEVICEID."""
    return MMSYSERR_BADDEVICEID


@winmm.stub(_NONE, aw=True)
def joyGetDevCaps(t: Task, uJoyID: UINT, pjc: PTR, cbjc: UINT) -> UINT:
    """MMSYSERR_NODRIVER."""
    return MMSYSERR_NODRIVER


@winmm.stub(_NONE)
def joyGetPos(t: Task, uJoyID: UINT, pji: PTR) -> UINT:
    """MMSYSERR_NODRIVER."""
    return MMSYSERR_NODRIVER


@winmm.stub(_NONE)
def joyGetPosEx(t: Task, uJoyID: UINT, pji: PTR) -> UINT:
    """MMSYSERR_NODRIVER."""
    return MMSYSERR_NODRIVER


@winmm.stub(_NONE, aw=True)
def PlaySound(t: Task, pszSound: PTR, hmod: HANDLE, fdwSound: FLAGS) -> BOOL:
    """Fails: nothing can play it."""
    return False


winmm.alias("PlaySound", of="PlaySoundA")


@winmm.stub(_NONE, aw=True)
def sndPlaySound(t: Task, lpszSoundName: PTR, fuSound: FLAGS) -> BOOL:
    """Fails: nothing can play it."""
    return False


@winmm.stub(_NONE)
def waveOutGetVolume(t: Task, hwo: HANDLE, pdwVolume: PTR) -> DWORD:
    """MMSYSERR_NODRIVER."""
    return MMSYSERR_NODRIVER


@winmm.stub(_NONE)
def waveOutSetVolume(t: Task, hwo: HANDLE, dwVolume: DWORD) -> DWORD:
    """MMSYSERR_NODRIVER."""
    return MMSYSERR_NODRIVER
