"""Code page conversion and queries (SDK winnls.h).

Conversions work on raw bytes and 16-bit units; the tables are in `code_page_data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, BYTE, DWORD, FLAGS, INT, LPDWORD, PTR, UINT

from .code_page_data import (
    CP_ACP,
    CP_MACCP,
    CP_OEMCP,
    CP_SYMBOL,
    CP_THREAD_ACP,
    CP_UTF7,
    CP_UTF8,
    CodePage,
    find_page,
    glyphs,
    page_numbers,
)
from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

MB_PRECOMPOSED, MB_COMPOSITE, MB_USEGLYPHCHARS, MB_ERR_INVALID_CHARS = 1, 2, 4, 8
WC_DISCARDNS, WC_SEPCHARS, WC_DEFAULTCHAR = 0x10, 0x20, 0x40
WC_COMPOSITECHECK, WC_NO_BEST_FIT_CHARS = 0x200, 0x400
_WC_ALL = WC_DISCARDNS | WC_SEPCHARS | WC_DEFAULTCHAR | WC_COMPOSITECHECK | WC_NO_BEST_FIT_CHARS
MAX_DEFAULTCHAR, MAX_LEADBYTES, MAX_PATH = 2, 12, 260


def code_page(t: Task, number: int) -> CodePage | None:
    """The code page that ``number`` (CP_ACP and its like included) means in this process; None when not installed."""
    if number in (CP_ACP, CP_THREAD_ACP):
        number = t.process.acp
    elif number == CP_OEMCP:
        number = t.process.oemcp
    elif number == CP_MACCP:
        number = 10000
    if number in (CP_UTF7, CP_UTF8) and not t.process.version.at_least("98"):
        return None  # documented: "Windows 95: not supported"
    return find_page(number)


@kernel32.api()
def MultiByteToWideChar(
    t: Task, CodePage: UINT, dwFlags: FLAGS, lpMultiByteStr: PTR, cbMultiByte: INT, lpWideCharStr: PTR, cchWideChar: INT
) -> INT:
    """Bytes of a code page to UTF-16."""
    if not lpMultiByteStr or not cbMultiByte or cchWideChar < 0 or (cchWideChar and not lpWideCharStr):
        raise WinError(Err.INVALID_PARAMETER)
    if cchWideChar and lpMultiByteStr == lpWideCharStr:
        raise WinError(Err.INVALID_PARAMETER)
    if cbMultiByte < 0:
        data = t.mem.cstr(lpMultiByteStr) + b"\0"
    else:
        data = t.mem.read(lpMultiByteStr, cbMultiByte)
    if CodePage == CP_SYMBOL:
        if dwFlags:
            raise WinError(Err.INVALID_FLAGS)
        units = b"".join((b | 0xF000 if b >= 0x20 else b).to_bytes(2, "little") for b in data)
    else:
        page = code_page(t, CodePage)
        if page is None:
            raise WinError(Err.INVALID_PARAMETER)
        units = _decode(page, dwFlags, data)
    count = len(units) // 2
    if not cchWideChar:
        return count
    if count > cchWideChar:
        t.mem.write(lpWideCharStr, units[: cchWideChar * 2])
        raise WinError(Err.INSUFFICIENT_BUFFER)
    t.mem.write(lpWideCharStr, units)
    return count


def _decode(page: CodePage, flags: int, data: bytes) -> bytes:
    if flags & ~(MB_PRECOMPOSED | MB_COMPOSITE | MB_USEGLYPHCHARS | MB_ERR_INVALID_CHARS):
        raise WinError(Err.INVALID_FLAGS)
    if flags & MB_PRECOMPOSED and flags & MB_COMPOSITE:
        raise WinError(Err.INVALID_FLAGS)
    if page.algorithmic and flags & ~MB_ERR_INVALID_CHARS:
        raise WinError(Err.INVALID_FLAGS)
    try:
        units = page.decode(data, bool(flags & MB_ERR_INVALID_CHARS))
    except UnicodeError:
        raise WinError(Err.NO_UNICODE_TRANSLATION) from None
    if flags & MB_USEGLYPHCHARS:
        units = glyphs(units)
    if flags & MB_COMPOSITE:
        import unicodedata

        text = units.decode("utf-16-le", "surrogatepass")
        units = unicodedata.normalize("NFD", text).encode("utf-16-le", "surrogatepass")
    return units


@kernel32.api()
def WideCharToMultiByte(
    t: Task,
    CodePage: UINT,
    dwFlags: FLAGS,
    lpWideCharStr: PTR,
    cchWideChar: INT,
    lpMultiByteStr: PTR,
    cbMultiByte: INT,
    lpDefaultChar: PTR,
    lpUsedDefaultChar: LPDWORD,
) -> INT:
    """UTF-16 to bytes of a code page."""
    if not lpWideCharStr or not cchWideChar or cbMultiByte < 0 or (cbMultiByte and not lpMultiByteStr):
        raise WinError(Err.INVALID_PARAMETER)
    if cbMultiByte and lpMultiByteStr == lpWideCharStr:
        raise WinError(Err.INVALID_PARAMETER)
    if cchWideChar < 0:
        units = t.mem.wcstr(lpWideCharStr) + b"\0\0"
    else:
        units = t.mem.read(lpWideCharStr, cchWideChar * 2)
    page = code_page(t, CodePage) if CodePage != CP_SYMBOL else None
    if CodePage == CP_SYMBOL or (page is not None and page.algorithmic):
        if lpDefaultChar or lpUsedDefaultChar:
            raise WinError(Err.INVALID_PARAMETER)
        if dwFlags:
            raise WinError(Err.INVALID_FLAGS)
    elif page is None:
        raise WinError(Err.INVALID_PARAMETER)
    elif dwFlags & ~_WC_ALL:
        raise WinError(Err.INVALID_FLAGS)
    if page is None:
        data = _symbol_bytes(units)
        missing = False
    else:
        if dwFlags & WC_COMPOSITECHECK:
            units = _compose(units, dwFlags)
        default = b"?"
        if lpDefaultChar:
            default = t.mem.read(lpDefaultChar, 1)
            if page.is_lead(default[0]):
                default = t.mem.read(lpDefaultChar, 2)
        data, missing = page.encode(units, default, not dwFlags & WC_NO_BEST_FIT_CHARS)
    lpUsedDefaultChar.set(int(missing))
    if not cbMultiByte:
        return len(data)
    if len(data) > cbMultiByte:
        t.mem.write(lpMultiByteStr, data[:cbMultiByte])
        raise WinError(Err.INSUFFICIENT_BUFFER)
    t.mem.write(lpMultiByteStr, data)
    return len(data)


def _symbol_bytes(units: bytes) -> bytes:
    """CP_SYMBOL: F020..F0FF and the control codes; anything else has no translation."""
    out = bytearray()
    for at in range(0, len(units), 2):
        unit = units[at] | units[at + 1] << 8
        if 0xF020 <= unit <= 0xF0FF or unit < 0x20:
            out.append(unit & 0xFF)
        else:
            raise WinError(Err.NO_UNICODE_TRANSLATION)
    return bytes(out)


def _compose(units: bytes, flags: int) -> bytes:
    """WC_COMPOSITECHECK: join combining marks where a precomposed character exists, then treat those that are left."""
    import unicodedata

    text = unicodedata.normalize("NFC", units.decode("utf-16-le", "surrogatepass"))
    if flags & WC_DISCARDNS:
        text = "".join(c for c in text if not unicodedata.combining(c))
    elif flags & WC_DEFAULTCHAR:
        text = "".join("\uffff" if unicodedata.combining(c) else c for c in text)
    return text.encode("utf-16-le", "surrogatepass")


@kernel32.api()
def GetACP(t: Task) -> UINT:
    """The ANSI code page."""
    return t.process.acp


@kernel32.api()
def GetOEMCP(t: Task) -> UINT:
    """The OEM code page."""
    return t.process.oemcp


@kernel32.api()
def IsValidCodePage(t: Task, CodePage: UINT) -> BOOL:
    """Whether a code page is installed; the pseudo pages (CP_ACP...) are not."""
    return (CodePage > CP_SYMBOL and code_page(t, CodePage) is not None) or CodePage == 37


@kernel32.api()
def IsDBCSLeadByte(t: Task, TestChar: BYTE) -> BOOL:
    """Whether a byte starts a two-byte character of the ANSI code page."""
    page = code_page(t, CP_ACP)
    return page is not None and page.is_lead(TestChar)


@kernel32.api()
def IsDBCSLeadByteEx(t: Task, CodePage: UINT, TestChar: BYTE) -> BOOL:
    """The same for any code page; an unknown one fails with ERROR_INVALID_PARAMETER."""
    page = code_page(t, CodePage)
    if page is None:
        raise WinError(Err.INVALID_PARAMETER)
    return page.is_lead(TestChar)


def _cpinfo(page: CodePage) -> bytes:
    """CPINFO's fields: MaxCharSize, DefaultChar[2], LeadByte[12] (18 bytes; the structure is padded to 20)."""
    lead = bytes(page.lead)
    return page.max_char_size.to_bytes(4, "little") + b"?\0" + lead + bytes(MAX_LEADBYTES - len(lead))


@kernel32.api()
def GetCPInfo(t: Task, CodePage: UINT, lpCPInfo: PTR) -> BOOL:
    """Character size, default character and lead bytes of a code page."""
    page = code_page(t, CodePage)
    if page is None or not lpCPInfo:
        raise WinError(Err.INVALID_PARAMETER)
    t.mem.write(lpCPInfo, _cpinfo(page))
    return True


@kernel32.api(since="98")
def GetCPInfoExA(t: Task, CodePage: UINT, dwFlags: DWORD, lpCPInfoEx: PTR) -> BOOL:
    """GetCPInfo with the page's number and name; dwFlags is reserved."""
    return _cpinfo_ex(t, CodePage, lpCPInfoEx, False)


@kernel32.api(since="98", wide=True)
def GetCPInfoExW(t: Task, CodePage: UINT, dwFlags: DWORD, lpCPInfoEx: PTR) -> BOOL:
    """GetCPInfo with the page's number and name; dwFlags is reserved."""
    return _cpinfo_ex(t, CodePage, lpCPInfoEx, True)


def _cpinfo_ex(t: Task, number: int, address: int, wide: bool) -> bool:
    """CPINFOEX: CPINFO's 18 bytes, UnicodeDefaultChar, CodePage, CodePageName[MAX_PATH]."""
    page = code_page(t, number)
    if page is None or not address:
        raise WinError(Err.INVALID_PARAMETER)
    name = (page.title + "\0").encode("utf-16-le" if wide else "ascii")
    fixed = _cpinfo(page) + b"?\0" + page.number.to_bytes(4, "little")
    t.mem.write(address, fixed + name.ljust(MAX_PATH * (2 if wide else 1), b"\0"))
    return True


@kernel32.api()
async def EnumSystemCodePagesA(t: Task, lpCodePageEnumProc: PTR, dwFlags: FLAGS) -> BOOL:
    """Call back with the number of every code page (CP_INSTALLED 1 or CP_SUPPORTED 2), as text."""
    return await _enum_pages(t, lpCodePageEnumProc, dwFlags, False)


@kernel32.api(wide=True)
async def EnumSystemCodePagesW(t: Task, lpCodePageEnumProc: PTR, dwFlags: FLAGS) -> BOOL:
    """Call back with the number of every code page (CP_INSTALLED 1 or CP_SUPPORTED 2), as text."""
    return await _enum_pages(t, lpCodePageEnumProc, dwFlags, True)


async def _enum_pages(t: Task, callback: int, flags: int, wide: bool) -> bool:
    if not callback:
        raise WinError(Err.INVALID_PARAMETER)
    if flags not in (1, 2):
        raise WinError(Err.INVALID_FLAGS)
    numbers = [n for n in page_numbers() if code_page(t, n) is not None]
    await call_with_texts(t, callback, [str(n) for n in numbers], wide)
    return True


async def call_with_texts(t: Task, callback: int, texts: list[str], wide: bool) -> None:
    """Call a guest enumeration procedure with each text (a temporary buffer) until it answers 0."""
    buffer = t.process.heap_alloc(128 if not wide else 256)
    try:
        for text in texts:
            data = (text[:127] + "\0").encode("utf-16-le" if wide else "cp1252", "replace")
            t.mem.write(buffer, data)
            if not await t.call(callback, buffer):
                return
    finally:
        t.process.heap_free(buffer)
