"""Pure parts: wsprintf's formats, initialisation files, command lines, paths, dates, GUIDs, LZ files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.process.environment import Environment
from w9x_client.process.version import PROFILES, windows_version
from w9x_client.win32.kernel32.ini_file import IniFile, to_integer
from w9x_client.win32.kernel32.locale_data import LOCALES, find_locale, group_digits, quoted_picture
from w9x_client.win32.kernel32.simple_printf import expand
from w9x_client.win32.kernel32.system_messages import text_of
from w9x_client.win32.lz32.compress import compressed_name
from w9x_client.win32.lz32.compress import expand as expand_lz
from w9x_client.win32.ole32.guid import guid_text, parse_guid
from w9x_client.win32.oleaut32 import variant_data as v
from w9x_client.win32.shell32.command_line import split_command_line
from w9x_client.win32.shlwapi import path_text as paths
from w9x_client.win32.shlwapi.match import matches
from w9x_client.win32.shlwapi.string import byte_size
from w9x_client.win32.ws2_32.basic import parse_address


class Values:
    """Arguments from a list; a text's "pointer" is its index + 1."""

    def __init__(self, *values: int | str) -> None:
        self.values, self.texts = list(values), [x for x in values if isinstance(x, str)]

    def number(self) -> int:
        value = self.values.pop(0)
        return value & 0xFFFFFFFF if isinstance(value, int) else self.texts.index(value) + 1

    def text(self, pointer: int, wide: bool, limit: int) -> str:
        text = self.texts[pointer - 1]
        return text if limit < 0 else text[:limit]

    def char(self, code: int, wide: bool) -> str:
        return chr(code)


@pytest.mark.parametrize(
    ("fmt", "values", "expected"),
    [
        # SDK, wsprintf: ``%[-][#][0][width][.precision]type``
        ("%d|%5d|%-5d|%05d", (1, 2, 3, -4), "1|    2|3    |-0004"),
        ("%x %X %#x %08lX", (255, 255, 255, 0xABC), "ff FF 0xff 00000ABC"),
        ("%s|%6s|%-6s|%.2s", ("abc", "abc", "abc", "abc"), "abc|   abc|abc   |ab"),
        ("%u %i %lu", (-1, -1, -1), "4294967295 -1 4294967295"),
        ("%c%%%c", (65, 0), "A%"),  # a zero character is ignored
        ("100%% %y", (), "100% y"),
        ("%.3d", (5,), "005"),
    ],
)
def test_wsprintf_formats(fmt: str, values: tuple[int | str, ...], expected: str) -> None:
    assert expand(fmt, Values(*values), False) == expected


def test_a_star_takes_its_width_from_an_argument_only_in_inserts() -> None:
    assert expand("%*.*s", Values(4, 2, "Bill"), False, star=True) == "  Bi"
    assert expand("%*d", Values(4, 2), False) == "*d"


@given(st.text(alphabet="%-#0123456789.*hlsdxuciSCp ", max_size=24))
def test_any_format_ends(fmt: str) -> None:
    class Endless(Values):
        def number(self) -> int:
            return 7

        def text(self, pointer: int, wide: bool, limit: int) -> str:
            return "x"

    assert len(expand(fmt, Endless(), False)) < 100_000


# --- initialisation files ----------------------------------------------------------------
SAMPLE = b"; comment\r\n[First]\r\nKey=value\r\n  spaced = 'quoted'  \r\n\r\n[Second]\r\nn=0x1F\r\n"


def test_an_ini_file_is_read_without_regard_to_case() -> None:
    ini = IniFile(SAMPLE)
    assert ini.get(b"FIRST", b"key") == b"value"
    assert ini.get(b"first", b"SPACED") == b"'quoted'"
    assert ini.keys(b"first") == [b"Key", b"spaced"]
    assert ini.get(b"third", b"key") is None


def test_a_change_leaves_comments_order_and_spelling_alone() -> None:
    ini = IniFile(SAMPLE)
    ini.set(b"first", b"KEY", b"new")
    ini.set(b"First", b"added", b"1")
    assert ini.to_bytes() == SAMPLE.replace(b"Key=value", b"Key=new").replace(b"'  \r\n", b"'  \r\nadded=1\r\n")


def test_sections_and_keys_can_be_deleted_and_added() -> None:
    ini = IniFile(SAMPLE)
    assert ini.delete(b"second", b"N")
    assert ini.delete_section(b"FIRST")
    ini.set(b"New", b"a", b"b")
    assert [s.name for s in ini.sections] == [b"Second", b"New"]
    assert IniFile(ini.to_bytes()).get(b"new", b"a") == b"b"


@pytest.mark.parametrize(
    ("text", "value"), [(b"12", 12), (b"-1", 0xFFFFFFFF), (b"0x1F", 31), (b"12abc", 12), (b"abc", 0)]
)
def test_numbers_of_an_ini_file(text: bytes, value: int) -> None:
    assert to_integer(text) == value


@given(st.binary(max_size=200))
def test_any_file_is_an_ini_file(data: bytes) -> None:
    ini = IniFile(data)
    ini.set(b"s", b"k", b"v")
    assert IniFile(ini.to_bytes()).get(b"s", b"k") == b"v"


# --- versions and the environment ---------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "packed", "build"),
    # SDK, GetVersion and OSVERSIONINFO: high bit set; 95 = 4.0.950, 98 SE = 4.10.2222, ME = 4.90.3000; build in the
    # low word
    [("95", 0xC0000004, 0x040003B6), ("98se", 0xC0000A04, 0x040A08AE), ("me", 0xC0005A04, 0x045A0BB8)],
)
def test_windows_versions_have_their_documented_numbers(name: str, packed: int, build: int) -> None:
    assert (windows_version(name).packed, windows_version(name).build_field) == (packed, build)


def test_profiles_are_ordered_in_time() -> None:
    assert [p.at_least("98") for p in PROFILES.values()] == [False, False, True, True, True]
    assert not PROFILES["me"].at_least("nt")
    with pytest.raises(ValueError, match="xp"):
        windows_version("xp")


def test_environment_names_keep_spelling_and_place() -> None:
    env = Environment({"Path": "a", "TEMP": "t"})
    env["PATH"] = "b"
    assert list(env.items()) == [("Path", "b"), ("TEMP", "t")]
    assert env.block(False) == b"Path=b\0TEMP=t\0\0"
    assert Environment().block(True) == b"\0\0\0\0"
    assert Environment.parse("=C:=C:\\\0a=b=c\0\0x=y\0") == {"=C:": "C:\\", "a": "b=c"}


@pytest.mark.parametrize(
    ("text", "expected"),
    # SDK, ExpandEnvironmentStrings: unknown names stay
    [("%A%", "1"), ("x%a%y", "x1y"), ("%B%", "%B%"), ("100%", "100%"), ("%B%A%", "%B1"), ("%%", "%%"), ("", "")],
)
def test_percent_names_expand(text: str, expected: str) -> None:
    assert Environment({"A": "1"}).expand(text) == expected


# --- locales --------------------------------------------------------------------------------
def test_every_locale_has_seven_days_and_twelve_months() -> None:
    for locale in LOCALES.values():
        for short in (False, True):
            assert all(locale.day(i, short) for i in range(7))
            assert all(locale.month(i, short) for i in range(12))
        assert locale.info(0x1002)


def test_a_bare_language_means_its_first_country() -> None:
    german = find_locale(0x07, 0x409)
    assert german is not None and german.lcid == 0x407
    assert find_locale(0x400, 0x409) is LOCALES[0x409]
    assert find_locale(0x7777, 0x409) is None


def test_pictures_quote_text() -> None:
    fields = {"d": lambda count: "5" * count}
    assert quoted_picture("d 'it''s' dd 'd", fields) == "5 it's 55 d"


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [("3;0", "1,234,567"), ("3", "1234,567"), ("3;2;0", "12,34,567"), ("0", "1234567")],  # SDK, LOCALE_SGROUPING
)
def test_digits_are_grouped(grouping: str, expected: str) -> None:
    assert group_digits("1234567", grouping, ",") == expected


def test_system_messages_end_in_a_line_end() -> None:
    assert text_of(2) == "The system cannot find the file specified.\r\n"  # winerror.h
    assert text_of(0x80070003) == "The system cannot find the path specified.\r\n"
    assert text_of(99999) is None


# --- command lines ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # SDK, CommandLineToArgvW remarks
        ("a b c", ["a", "b", "c"]), ('"a b" c', ["a b", "c"]), ('x "a \\"b\\" c" d', ["x", 'a "b" c', "d"]),
        (r'x a\\\"b c', ["x", r'a\"b', "c"]), (r'x a\\b "c d\\" e', ["x", r"a\\b", "c d\\", "e"]), ('x "" y', ["x", "",
        "y"]),
        ('x "a""b" c', ["x", 'a"b c']),
    ],
)  # fmt: skip
def test_command_lines_split_as_documented(line: str, expected: list[str]) -> None:
    assert split_command_line(line) == expected


# --- paths --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "expected"),
    # SDK, PathCanonicalize examples
    [
        (r"A:\name_1\.\name_2\..\name_3", r"A:\name_1\name_3"), (r"A:\name_1\..\name_2\.\name_3", r"A:\name_2\name_3"),
        (r"C:\..", "C:\\"), ("", "\\"), ("C:", "C:\\"),
    ],
)  # fmt: skip
def test_paths_become_canonical(path: str, expected: str) -> None:
    assert paths.canonicalize(path) == expected


@pytest.mark.parametrize(
    ("path", "name", "dot"),
    [(r"c:\a\b.txt", "b.txt", ".txt"), ("a.b\\c", "c", ""), ("x.tar.gz", "x.tar.gz", ".gz"), ("c:\\a\\", "a\\", "")],
)
def test_the_last_component_and_its_extension(path: str, name: str, dot: str) -> None:
    assert path[paths.file_name(path) :] == name
    assert path[paths.extension(path) :] == dot


@given(st.text(alphabet="aB.:\\ /*?", max_size=20), st.text(alphabet="aB.:\\ *?", max_size=12))
def test_path_functions_end_on_any_text(path: str, other: str) -> None:
    assert paths.canonicalize(path)
    shorter = paths.remove_file_spec(path)
    assert len(shorter) <= len(path)
    assert paths.common_prefix(path, other) == "" or path.lower().startswith(paths.common_prefix(path, other).lower())
    matches(path, other)


def test_patterns_match_names() -> None:
    assert matches("readme.TXT", "*.txt") and matches("abc", "a?c") and matches("", "*")
    assert not matches("abc", "a?") and not matches("abc", "*.c")


@pytest.mark.parametrize(
    ("size", "text"),
    # SDK, StrFormatByteSize: table of examples
    [(532, "532 bytes"), (1340, "1.30 KB"), (23506, "22.9 KB"), (2400016, "2.28 MB"), (2400000000, "2.23 GB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert byte_size(size) == text


# --- automation -----------------------------------------------------------------------------------
US, DE = LOCALES[0x409], LOCALES[0x407]


@pytest.mark.parametrize(
    ("text", "value"), [("1,234.5", 1234.5), (" -7 ", -7), ("(12)", -12), ("$1.5", 1.5), ("&H1F", 31), ("1e3", 1000.0)]
)
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert v.parse_number(text, US) == value


def test_another_locale_reads_its_own_separators() -> None:
    assert v.parse_number("1.234,5", DE) == 1234.5
    assert v.convert(1.5, v.VT_R8, v.VT_BSTR, DE) == "1,5"


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "--1", "1e", "0x10"])
def test_what_is_no_number_is_a_type_mismatch(text: str) -> None:
    with pytest.raises(v.HResult) as failure:
        v.parse_number(text, US)
    assert failure.value.code == v.DISP_E_TYPEMISMATCH


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        # Automation reference: halves round to even; True is -1; currency counts 1/10000
        (2.5, v.VT_R8, v.VT_I4, 2), (3.5, v.VT_R8, v.VT_I4, 4), (5, v.VT_I4, v.VT_BOOL, -1), ("True", v.VT_BSTR,
        v.VT_BOOL, -1),
        (12345, v.VT_CY, v.VT_BSTR, "1.2345"), ("1.5", v.VT_BSTR, v.VT_CY, 15000), (-1, v.VT_BOOL, v.VT_BSTR, "-1"),
        (None, v.VT_EMPTY, v.VT_I4, 0), (1e20, v.VT_R8, v.VT_BSTR, "1E+20"), (0.1, v.VT_R8, v.VT_BSTR, "0.1"),
    ],
)  # fmt: skip
def test_values_convert(value: v.Value, source: int, target: int, expected: v.Value) -> None:
    assert v.convert(value, source, target, US) == expected


@pytest.mark.parametrize(
    ("value", "source", "target", "code"),
    [
        (70000, v.VT_I4, v.VT_I2, v.DISP_E_OVERFLOW), (-1, v.VT_I4, v.VT_UI1, v.DISP_E_OVERFLOW),
        (None, v.VT_NULL, v.VT_I4, v.DISP_E_TYPEMISMATCH), (1e300, v.VT_R8, v.VT_R4, v.DISP_E_OVERFLOW),
    ],
)  # fmt: skip
def test_impossible_conversions_say_why(value: v.Value, source: int, target: int, code: int) -> None:
    with pytest.raises(v.HResult) as failure:
        v.convert(value, source, target, US)
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("text", "days"),
    # Automation reference: day 0 is 1899-12-30, 2 is 1900-01-01; two-digit years are 1930 to 2029
    [
        ("1/1/1900", 2),
        ("12/31/99", 36525),
        ("January 2, 1998 3:30 PM", 35797.645833333336),
        ("12:00", 0.5),
        ("1998-1-2", 35797),
    ],
)
def test_dates_are_read(text: str, days: float) -> None:
    assert v.parse_date(text, US) == pytest.approx(days)


def test_dates_are_written_in_the_locales_order() -> None:
    assert v.date_text(36526, US, 0) == "1/1/00"
    assert v.date_text(36526.75, US, 0) == "1/1/00 6:00:00 PM"
    assert v.date_text(0.5, US, 0) == "12:00:00 PM"
    assert v.date_text(36526, DE, 0) == "01.01.00"


@given(st.text(max_size=20))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (v.parse_number, v.parse_date):
        try:
            parse(text, US)
        except v.HResult:
            pass


# --- GUIDs, addresses, LZ ---------------------------------------------------------------------------
def test_a_guids_text_and_bytes() -> None:
    # SDK: IID_IUnknown; Data1..3 are little-endian
    data = bytes.fromhex("0000000000000000c000000000000046")
    assert guid_text(data) == "{00000000-0000-0000-C000-000000000046}"
    assert parse_guid("{00020400-0000-0000-C000-000000000046}") == bytes.fromhex("0004020000000000c000000000000046")
    assert parse_guid("{00020400-0000-0000-C000-00000000004}") is None


@given(st.binary(min_size=16, max_size=16))
def test_every_guid_survives_its_text(data: bytes) -> None:
    assert parse_guid(guid_text(data)) == data


@pytest.mark.parametrize(
    ("text", "value"),
    # SDK, inet_addr: one to four parts, octal and hexadecimal
    [
        ("127.0.0.1", 0x7F000001),
        ("1", 1),
        ("0x7f.1", 0x7F000001),
        ("010.0.0.1", 0x08000001),
        ("256.1.1.1", None),
        ("a.b", None),
    ],
)
def test_internet_addresses(text: str, value: int | None) -> None:
    assert parse_address(text) == value


def test_a_compressed_file_expands() -> None:
    # Format SZDD: flag byte FFh = eight literals; then a copy of 3+4 bytes from where the literals went (window
    # position 4080)
    data = b"SZDD\x88\xf0\x27\x33A\0" + (15).to_bytes(4, "little") + b"\xffabcdefgh" + b"\x00" + bytes([0xF0, 0xF4])
    assert expand_lz(data) == b"abcdefghabcdefg"
    with pytest.raises(ValueError, match="short"):
        expand_lz(data[:-3])


@given(st.binary(max_size=80))
def test_damaged_compressed_files_are_refused_or_expand(data: bytes) -> None:
    try:
        expand_lz(b"SZDD\x88\xf0\x27\x33A\0" + (100).to_bytes(4, "little") + data)
    except ValueError:
        pass


def test_names_of_compressed_files() -> None:
    assert compressed_name("setup.exe") == "setup.ex_"
    assert compressed_name("C:\\a.b\\readme") == "C:\\a.b\\readme._"
