"""Guest file names: parsing, devices, aliases, wildcards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.abi import Err, WinError
from w9x_client.drives import names


def parse(path: str, current: str = "", wildcards: bool = False) -> names.GuestPath:
    parts = tuple(p for p in current.split("\\") if p)
    return names.parse(path, "C", lambda letter: parts if letter == "C" else ("elsewhere",), wildcards=wildcards)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\a\\b", "C:\\a\\b"),
        ("c:/a//b/", "C:\\a\\b"),
        ("file.txt", "C:\\cwd\\file.txt"),
        ("\\file.txt", "C:\\file.txt"),
        ("D:file.txt", "D:\\elsewhere\\file.txt"),
        ("..\\..\\..\\x", "C:\\x"),
        ("a\\.\\b\\..\\c", "C:\\cwd\\a\\c"),
        ("trailing. . ", "C:\\cwd\\trailing"),
        ("\\a\\b\\c\\...\\x", "C:\\a\\x"),  # Win9x: three dots climb two directories
        ("\\........\\x", "C:\\x"),
        ("\\\\?\\C:\\a", "C:\\a"),
    ],
)
def test_a_path_is_made_absolute_and_never_climbs_above_its_root(path: str, expected: str) -> None:
    assert str(parse(path, "cwd")) == expected


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", Err.PATH_NOT_FOUND),
        ("\\\\server\\share\\x", Err.BAD_NETPATH),
        ("//server/share/x", Err.BAD_NETPATH),
        ("\\\\?\\UNC\\server\\x", Err.PATH_NOT_FOUND),
        ("\\\\?\\Volume{1}\\x", Err.PATH_NOT_FOUND),
        ("a:b:c", Err.INVALID_NAME),
        ("what?", Err.INVALID_NAME),
        ("a*\\b", Err.INVALID_NAME),
        ("bell\x07", Err.INVALID_NAME),
        ("pipe|", Err.INVALID_NAME),
        ("a\\ \\b", Err.INVALID_NAME),
        ("\udc80", Err.INVALID_NAME),
        ("nul\\x", Err.PATH_NOT_FOUND),
        ("x" * 256, Err.FILENAME_EXCED_RANGE),
        ("\\".join(["x" * 60] * 5), Err.FILENAME_EXCED_RANGE),
    ],
)
def test_a_path_that_names_nothing_is_refused_with_its_code(path: str, code: Err) -> None:
    with pytest.raises(WinError) as failure:
        parse(path)
    assert failure.value.code == code


@pytest.mark.parametrize(
    "path",
    [
        "nul",
        "NUL",
        "C:\\foo\\nul.txt",
        "con",
        "CON:",
        "aux .c",
        "com1",
        "lpt9.dat",
        "prn.",
        "clock$",
        "CONIN$",
        "D:nul",
    ],
)
def test_a_device_is_one_in_every_directory_and_with_every_extension(path: str) -> None:
    assert parse(path).device in names.DEVICES


@pytest.mark.parametrize("path", ["null", "con1", "com0", "com10", "x.nul", "lpt"])
def test_names_that_only_resemble_devices_are_files(path: str) -> None:
    assert parse(path).device == ""


def test_vxd_names_keep_their_spelling() -> None:
    assert parse("\\\\.\\VWIN32.vxd").vxd == "VWIN32.vxd"


@given(st.text(max_size=80))
def test_parsing_any_text_gives_a_path_without_dots_or_a_win32_error(path: str) -> None:
    try:
        result = parse(path, "one\\two")
    except WinError:
        return
    assert all(part.strip(". ") and not set(part) & set('/\\:*?"<>|\0') for part in result.parts)


@given(st.text(max_size=60))
def test_full_paths_never_hold_a_component_that_climbs(path: str) -> None:
    text = names.full_path(path, "C", lambda _: ("cwd",))
    assert not any(part and not part.strip(".") for part in text.replace("\\\\", "", 1).split("\\")[1:])


# Expected values: the FAT long-name specification 1.03, "Basis-Name Generation Algorithm", and Windows 98's names of
# its own directories (PROGRA~1, COMMON~1).
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Program Files", "PROGRA~1"),
        ("The quick brown.fox", "THEQUI~1.FOX"),
        ("a+b.txt", "A_B~1.TXT"),
        (".profile", "PROFIL~1"),
        ("many.dots.in.name", "MANYDO~1.NAM"),
        ("longextension.html", "LONGEX~1.HTM"),
        ("x.html", "X~1.HTM"),
        ("日本", "__~1"),
    ],
)
def test_an_alias_follows_the_fat_specification(name: str, expected: str) -> None:
    assert not names.is_short(name)
    assert names.alias(name, set(), {}) == expected


def test_colliding_aliases_get_the_next_number_and_lose_letters_for_it() -> None:
    used: set[str] = set()
    counters: dict[tuple[str, str], int] = {}
    made = [names.alias(f"LongFileName{i}.txt", used, counters) for i in range(120)]
    assert made[0] == "LONGFI~1.TXT"
    assert made[9] == "LONGF~10.TXT"
    assert made[99] == "LONG~100.TXT"
    assert len(set(made)) == 120


@pytest.mark.parametrize("name", ["README.TXT", "readme.txt", "A", "A_B-C.D$", "MSDOS.SYS", "12345678.123"])
def test_an_8_3_name_is_its_own_alias_whatever_its_case(name: str) -> None:
    assert names.is_short(name)


@pytest.mark.parametrize("name", ["123456789", "a.b.c", "x.", "a b", "", "x.html", "a[1]", "=.x"])
def test_longer_and_odd_names_need_an_alias(name: str) -> None:
    assert not names.is_short(name)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), min_size=1, max_size=30))
def test_every_generated_alias_is_an_8_3_name(name: str) -> None:
    assert names.is_short(names.alias(name, set(), {}))


# Documented FindFirstFile matching (Platform SDK) and the DOS habits Windows 9x keeps.
@pytest.mark.parametrize(
    ("pattern", "name", "hit"),
    [
        ("*.*", "NOEXTENSION", True),
        ("*", "A.B.C", True),
        ("*.TXT", "A.TXT", True),
        ("*.txt", "A.TXT", True),
        ("*.TXT", "A.TXTX", False),
        ("*.TXT", "A", False),
        ("A*", "ABC.DEF", True),
        ("A*.*", "ABC", True),
        ("A*.*", "BCD", False),
        ("?.TXT", "A.TXT", True),
        ("???.TXT", "A.TXT", True),
        ("?.TXT", "AB.TXT", False),
        ("A??", "A", True),
        ("A??", "ABC", True),
        ("A??", "ABCD", False),
        ("A.???", "A", True),
        ("A.???", "A.BC", True),
        ("A.*", "A", True),
        ("*B*", "ABC", True),
        ("*.", "ABC", True),
        ("*.", "ABC.D", False),
        ("*A*.*B", "XAX.YB", True),
        ("[X]", "[X]", True),
        ("[X]", "X", False),
    ],
)
def test_wildcards_match_as_dos_matched_them(pattern: str, name: str, hit: bool) -> None:
    assert names.compile_pattern(pattern)(name) is hit


@pytest.mark.parametrize(
    ("host", "guest"),
    [
        ("plain.txt", "plain.txt"),
        ("a:b", "a%3Ab"),
        ("what?*", "what%3F%2A"),
        ("back\\slash", "back%5Cslash"),
        ("dot.", "dot%2E"),
        ("space ", "space%20"),
        ("nul.txt", "%6Eul.txt"),
        ("tab\t", "tab%09"),
        ("bad\udcff", "bad%FF"),
    ],
)
def test_a_host_name_windows_could_not_have_is_shown_escaped(host: str, guest: str) -> None:
    assert names.guest_name(host) == guest


@given(st.binary(min_size=1, max_size=40).filter(lambda b: b"/" not in b and b"\0" not in b and b not in (b".", b"..")))
def test_every_host_name_is_shown_as_a_name_that_parses_as_itself(raw: bytes) -> None:
    shown = names.guest_name(raw.decode("utf-8", "surrogateescape"))
    assert parse("C:\\" + shown).parts == (shown,)
