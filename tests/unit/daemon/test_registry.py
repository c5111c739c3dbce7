"""REGEDIT4 text and the registry store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w9x_arena import messages as m
from w9x_arena.messages import Code
from w9xd import ansi, regedit
from w9xd.ranges import Refused
from w9xd.regedit import KeyLine, RegSyntaxError, ValueLine, parse
from w9xd.registry import PROFILES, Registry, RegistryError

CV = r"Software\Microsoft\Windows\CurrentVersion"


def lines(*text: str) -> bytes:
    return "\r\n".join(["REGEDIT4", "", *text, ""]).encode("latin-1")


def values(*text: str) -> list[tuple[str, int, bytes | None]]:
    found = parse(lines("[HKEY_LOCAL_MACHINE\\K]", *text))[1:]
    return [(v.name, v.type, v.data) for v in found if isinstance(v, ValueLine)]


# --- text -------------------------------------------------------------------------------------------------------


def test_every_byte_survives_the_code_page() -> None:
    everything = bytes(range(256))
    assert ansi.encode(ansi.decode(everything)) == everything
    assert ansi.decode(b"\x80\x81") == "\u20ac\x81"


def test_keys_and_deletions() -> None:
    text = lines("[HKEY_CLASSES_ROOT\\.txt]", "[-HKEY_CURRENT_USER\\Software\\Old]", "[hkey_dyn_data]")
    assert parse(text) == [
        KeyLine("HKCR", ".txt", False),
        KeyLine("HKCU", "Software\\Old", True),
        KeyLine("HKDYN_DATA", "", False),
    ]


def test_strings_with_escapes() -> None:
    assert values(r'"a\"b\\c"="C:\\x\"y\""', '@="default"', '"e"=""', '"sp ace" = "x"') == [
        ('a"b\\c', 1, b'C:\\x"y"\0'),
        ("", 1, b"default\0"),
        ("e", 1, b"\0"),
        ("sp ace", 1, b"x\0"),
    ]


def test_ansi_characters() -> None:
    assert values('"\xe4"="\xfc\x80\x81"') == [("\xe4", 1, b"\xfc\x80\x81\0")]


def test_numbers_and_bytes_in_every_form() -> None:
    assert values(
        '"d"=dword:0000abCD', '"d1"=dword:1', '"b"=hex:01,fF,0', '"n"=hex(0):', '"e"=hex(2):25,00',
        '"m"=hex(7):61,00,00', '"q"=hex(b):01', '"x"=hex(80000001):02', '"z"=-', '"t"=hex:01,02,',
    ) == [
        ("d", 4, b"\xcd\xab\0\0"), ("d1", 4, b"\1\0\0\0"), ("b", 3, b"\x01\xff\0"), ("n", 0, b""), ("e", 2, b"%\0"),
        ("m", 7, b"a\0\0"), ("q", 11, b"\1"), ("x", 0x80000001, b"\2"), ("z", 0, None), ("t", 3, b"\1\2"),
    ]  # fmt: skip


def test_continued_lines_and_comments() -> None:
    assert values("; note \\", '"b"=hex:01,02,\\', "  03,04,\\", "\t05", "", '"s"="x"') == [
        ("b", 3, b"\1\2\3\4\5"),
        ("s", 1, b"x\0"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "line 1: the file does not begin"),
        (b"\n\nREGEDIT\n", "line 3: the file does not begin"),
        (b"Windows Registry Editor Version 5.00\n", "line 1: the file does not begin"),
        ("REGEDIT4\n".encode("utf-16"), "line 1: the file does not begin"),
        (lines('"a"="b"'), "line 3: a value before the first key"),
        (lines("[HKEY_LOCAL_MACHINE\\K"), "line 3: a key without"),
        (lines("[HKLM\\K]"), "line 3: unknown root key 'HKLM'"),
        (lines("[HKEY_USERS\\\\K]"), "line 3: a key name"),
        (lines("[HKEY_USERS\\K\\]"), "line 3: a key name"),
        (lines("[HKEY_USERS\\" + "k" * 256 + "]"), "line 3: a key name"),
        (lines("[-HKEY_USERS]"), "line 3: a root key"),
        (lines("[-HKEY_USERS\\K]", '"a"="b"'), "line 4: a value under a deleted key"),
        (lines("[HKEY_USERS\\K]", "nonsense"), "line 4: neither"),
        (lines("[HKEY_USERS\\K]", '"a"'), "line 4: neither"),
        (lines("[HKEY_USERS\\K]", '"a="b'), "line 4: neither"),
        (lines("[HKEY_USERS\\K]", '"a"="b'), "line 4: data that"),
        (lines("[HKEY_USERS\\K]", '"a"="b"c'), "line 4: data that"),
        (lines("[HKEY_USERS\\K]", '"a"=dword:123456789'), "line 4: data that"),
        (lines("[HKEY_USERS\\K]", '"a"=dword:xyz'), "line 4: data that"),
        (lines("[HKEY_USERS\\K]", '"a"=hex:01,,02'), "line 4: '' is not"),
        (lines("[HKEY_USERS\\K]", '"a"=hex:01,\\', "zz"), "line 4: 'zz' is not"),
        (lines("[HKEY_USERS\\K]", '"a"=hex:123'), "line 4: '123' is not"),
        (lines("[HKEY_USERS\\K]", '"a"=hex(123456789):00'), "line 4: data that"),
        (b'REGEDIT4\n[HKEY_USERS\\K]\n"a"=hex:01,\\', "line 3: the text ends"),
        (lines("[HKEY_USERS\\K]", '"' + "n" * 256 + '"="b"'), "line 4: a value name"),
        (lines("[HKEY_USERS\\K]", '"a"="' + "x" * m.VALUE_MAX + '"'), "line 4: a value of more"),
    ],
)
def test_malformed_line_is_named(text: bytes, complaint: str) -> None:
    with pytest.raises(RegSyntaxError) as caught:
        parse(text)
    assert str(caught.value).startswith(complaint)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_text_parses_or_is_refused(data: bytes) -> None:
    for text in (data, lines("[HKEY_USERS\\K]") + data):
        with contextlib.suppress(RegSyntaxError):
            parse(text)


@given(
    st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=20),
    st.sampled_from([0, 1, 2, 3, 4, 7, 0x12345678]),
    st.binary(max_size=120),
)
@settings(max_examples=300, deadline=None)
def test_written_values_read_back(name: str, kind: int, data: bytes) -> None:
    text = regedit.HEADER + regedit.key_line("HKCU", "K") + regedit.value_line(name, kind, data)
    assert parse(text)[1] == ValueLine(name, kind, data)
    assert all(len(line) <= 80 for line in text.split(b"\r\n") if line.startswith(b"  "))


# --- store ------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Registry(tmp_path / "registry.sqlite")
    yield store
    store.close()


def refused(code: Code, function, *args: object) -> None:
    with pytest.raises(Refused) as caught:
        function(*args)
    assert caught.value.code == code


def test_keys_are_case_insensitive_and_keep_their_case(registry: Registry) -> None:
    assert registry.create_key("HKCU", r"Software\MyApp\Sub")
    assert not registry.create_key("HKCU", r"SOFTWARE\MYAPP")
    registry.check_key("HKCU", r"software\myapp\SUB")
    assert "MyApp" in registry.enum_keys("HKCU", "software", 0, 100)


def test_values_are_case_insensitive_and_keep_their_first_case(registry: Registry) -> None:
    registry.create_key("HKCU", "K")
    registry.set("HKCU", "K", "Name", 1, b"a\0")
    registry.set("HKCU", "k", "NAME", 4, b"\1\0\0\0")
    assert registry.query("HKCU", "K", "name", "98se") == ("Name", 4, b"\1\0\0\0")
    registry.set("HKCU", "K", "", 1, b"default\0")
    assert registry.query("HKCU", "K", "", "98se") == ("", 1, b"default\0")


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xFFFFFFFF])
def test_every_type_is_kept(registry: Registry, kind: int) -> None:
    registry.create_key("HKLM", "K")
    registry.set("HKLM", "K", "v", kind, bytes(range(256)))
    assert registry.query("HKLM", "K", "v", "98") == ("v", kind, bytes(range(256)))


@pytest.mark.parametrize(
    ("root", "path", "other", "elsewhere"),
    [
        ("HKCR", "x", "HKLM", r"Software\Classes\x"),
        ("HKCU", "x", "HKU", r".Default\x"),
        ("HKCC", "x", "HKLM", r"Config\0001\x"),
    ],
)
def test_roots_are_aliases(registry: Registry, root: m.RootName, path: str, other: m.RootName, elsewhere: str) -> None:
    registry.create_key(root, path)
    registry.check_key(other, elsewhere)
    registry.delete_key(other, elsewhere)
    refused(Code.NOT_FOUND, registry.check_key, root, path)


def test_delete_key_takes_everything_below(registry: Registry) -> None:
    registry.create_key("HKCU", r"T\a\b\c")
    registry.set("HKCU", r"T\a\b", "v", 3, b"x")
    registry.create_key("HKCU", r"T\ab")
    registry.delete_key("HKCU", r"T\A")
    for path in (r"T\a", r"T\a\b", r"T\a\b\c"):
        refused(Code.NOT_FOUND, registry.check_key, "HKCU", path)
    registry.check_key("HKCU", r"T\ab")
    registry.create_key("HKCU", r"T\a\b")
    refused(Code.NOT_FOUND, registry.query, "HKCU", r"T\a\b", "v", "98se")


@pytest.mark.parametrize("path", ["", "\\"])
def test_root_keys_stay(registry: Registry, path: str) -> None:
    refused(Code.INVALID, registry.delete_key, "HKLM", path)


@pytest.mark.parametrize("path", [r"a\\b", "x" * 256, r"a\\"[:-1] + "\\\\b"])
def test_impossible_key_names_are_refused(registry: Registry, path: str) -> None:
    refused(Code.INVALID, registry.create_key, "HKCU", path)


def test_trailing_backslash_is_the_same_key(registry: Registry) -> None:
    registry.check_key("HKLM", CV + "\\")


def test_missing_things_are_not_found(registry: Registry) -> None:
    refused(Code.NOT_FOUND, registry.query, "HKLM", "Nowhere", "v", "98se")
    refused(Code.NOT_FOUND, registry.query, "HKLM", CV, "nothing", "98se")
    refused(Code.NOT_FOUND, registry.set, "HKLM", "Nowhere", "v", 1, b"")
    refused(Code.NOT_FOUND, registry.delete_value, "HKLM", CV, "nothing", "98se")
    refused(Code.NOT_FOUND, registry.delete_key, "HKLM", "Nowhere")
    refused(Code.NOT_FOUND, registry.enum_keys, "HKLM", "Nowhere", 0, 1)


def test_enumeration_is_in_order_of_creation_and_paged(registry: Registry) -> None:
    for name in ("zeta", "alpha", "Mid"):
        registry.create_key("HKCU", f"E\\{name}")
    registry.set("HKCU", "E", "z", 3, b"123")
    registry.set("HKCU", "E", "a", 1, b"\0")
    assert registry.enum_keys("HKCU", "E", 0, 9) == ["zeta", "alpha", "Mid"]
    assert registry.enum_keys("HKCU", "E", 1, 1) == ["alpha"]
    assert registry.enum_keys("HKCU", "E", 3, 1) == []
    rows = registry.enum_values("HKCU", "E", 0, 9, "98se")
    assert [(row.name, row.type, row.size) for row in rows] == [("z", 3, 3), ("a", 1, 1)]
    assert registry.info("HKCU", "E", "98se") == m.KeyInfo(3, 5, 2, 1, 3)


@pytest.mark.parametrize(
    ("windows", "version", "sub"),
    [
        ("95", b"4.00.950\0", b"\0"),
        ("95osr2", b"4.00.1111\0", b" B\0"),
        ("98", b"4.10.1998\0", b"\0"),
        ("98se", b"4.10.2222\0", b" A \0"),
        ("me", b"4.90.3000\0", b" \0"),
    ],
)
def test_version_values_follow_the_callers_windows(
    registry: Registry, windows: m.WindowsProfile, version: bytes, sub: bytes
) -> None:
    assert registry.query("HKLM", CV, "versionnumber", windows)[2] == version
    assert registry.query("HKLM", CV, "SubVersionNumber", windows)[2] == sub
    names = [row.name for row in registry.enum_values("HKLM", CV, 0, 100, windows)]
    assert names.count("VersionNumber") == 1
    assert registry.info("HKLM", CV, windows).values == len(names)


def test_what_a_program_writes_wins_over_the_profile(registry: Registry) -> None:
    registry.set("HKLM", CV, "VersionNumber", 1, b"mine\0")
    registry.delete_value("HKLM", CV, "ProductName", "98se")
    for windows in PROFILES:
        assert registry.query("HKLM", CV, "VersionNumber", windows)[2] == b"mine\0"
        refused(Code.NOT_FOUND, registry.query, "HKLM", CV, "ProductName", windows)
        names = [row.name for row in registry.enum_values("HKLM", CV, 0, 100, windows)]
        assert names.count("VersionNumber") == 1
        assert "ProductName" not in names


def test_profiles_only_hold_values_of_existing_keys(registry: Registry) -> None:
    for layer in registry._layers.values():
        for folded in layer:
            assert registry._disk.find(folded) is not None


@pytest.mark.parametrize(
    ("root", "path", "name", "data"),
    [
        ("HKLM", CV, "ProgramFilesDir", b"C:\\Program Files\0"),
        ("HKLM", CV, "SystemRoot", b"C:\\WINDOWS\0"),
        ("HKLM", r"System\CurrentControlSet\Control\Nls\Codepage", "ACP", b"1252\0"),
        ("HKLM", r"System\CurrentControlSet\Control\ComputerName\ComputerName", "ComputerName", b"W9X\0"),
        ("HKLM", r"System\CurrentControlSet\Control\SessionManager\KnownDLLs", "KERNEL32", b"KERNEL32.DLL\0"),
        ("HKCR", ".exe", "", b"exefile\0"),
        ("HKCU", r"Control Panel\International", "Locale", b"00000409\0"),
        ("HKCU", r"Control Panel\Colors", "Background", b"0 128 128\0"),
        ("HKCC", r"Display\Settings", "BitsPerPixel", b"16\0"),
    ],
)
def test_default_content(registry: Registry, root: m.RootName, path: str, name: str, data: bytes) -> None:
    assert registry.query(root, path, name, "98se")[2] == data


def test_dynamic_data_is_made_anew_and_the_rest_is_kept(registry: Registry, tmp_path: Path) -> None:
    registry.create_key("HKDYN_DATA", "Mine")
    registry.create_key("HKCU", "Mine")
    registry.delete_value("HKLM", CV, "MediaPath", "98se")
    registry.close()
    again = Registry(tmp_path / "registry.sqlite")
    refused(Code.NOT_FOUND, again.check_key, "HKDYN_DATA", "Mine")
    again.check_key("HKDYN_DATA", r"PerfStats\StatData")
    again.check_key("HKCU", "Mine")
    refused(Code.NOT_FOUND, again.query, "HKLM", CV, "MediaPath", "98se")
    again.close()


def test_import_changes_everything_or_nothing(registry: Registry) -> None:
    registry.create_key("HKCU", r"I\Old\Deep")
    registry.create_key("HKCU", "I")
    registry.set("HKCU", "I", "gone", 1, b"\0")
    text = lines(
        "[-HKEY_CURRENT_USER\\I\\Old]", "[-HKEY_CURRENT_USER\\Never\\Was]",
        "[HKEY_CURRENT_USER\\I]", '"gone"=-', '"never"=-', '"new"=dword:7', "[HKEY_DYN_DATA\\D]", '@="x"',
        "[HKEY_LOCAL_MACHINE\\" + CV + "]", '"ProductName"=-',
    )  # fmt: skip
    assert registry.import_text(text, 1) == (5, 5)
    refused(Code.NOT_FOUND, registry.check_key, "HKCU", r"I\Old")
    refused(Code.NOT_FOUND, registry.query, "HKCU", "I", "gone", "98se")
    refused(Code.NOT_FOUND, registry.query, "HKLM", CV, "ProductName", "95")
    assert registry.query("HKCU", "I", "new", "98se")[1] == 4
    assert registry.query("HKDYN_DATA", "D", "", "98se")[2] == b"x\0"
    with pytest.raises(Refused, match="line 105: neither"):
        registry.import_text(lines("[HKEY_CURRENT_USER\\J]", '"a"="b"', "bad"), 101)
    refused(Code.NOT_FOUND, registry.check_key, "HKCU", "J")


def test_failed_import_leaves_nothing_behind(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "_set", full)
        with pytest.raises(sqlite3.OperationalError):
            registry.import_text(lines("[HKEY_CURRENT_USER\\J\\K]", '"a"="b"'), 1)
    refused(Code.NOT_FOUND, registry.check_key, "HKCU", "J")
    assert registry.create_key("HKCU", r"J\K")


def _export(registry: Registry, root: m.RootName, path: str) -> tuple[bytes, int]:
    out, start, parts = b"", 0, 0
    while True:
        data, start = registry.export_text(root, path, start, "98se")
        assert len(data) <= m.REG_CHUNK_MAX
        out += data
        parts += 1
        if not start:
            return out, parts


def test_export_reads_back_as_the_same_tree(registry: Registry, tmp_path: Path) -> None:
    text, parts = _export(registry, "HKLM", "")
    assert parts == 1
    other = Registry(tmp_path / "other.sqlite")
    other.delete_key("HKLM", "Software")
    other.delete_key("HKLM", "System")
    other.import_text(text, 1)
    assert _export(other, "HKLM", "Software")[0] == _export(registry, "HKLM", "Software")[0]
    assert _export(other, "HKLM", "System")[0] == _export(registry, "HKLM", "System")[0]
    other.close()


def test_export_of_much_comes_in_parts(registry: Registry) -> None:
    for number in range(6):
        registry.create_key("HKCU", f"Big\\K{number}\\Sub")
        for value in range(3):
            registry.set("HKCU", f"Big\\K{number}", f"v{value}", 3, bytes([number * 3 + value]) * m.VALUE_MAX)
    text, parts = _export(registry, "HKCU", "big")
    assert parts > 3
    operations = parse(text)
    assert [op.path for op in operations if isinstance(op, KeyLine)] == [
        "big", *[path for n in range(6) for path in (f"big\\K{n}", f"big\\K{n}\\Sub")]
    ]  # fmt: skip
    data = [op.data for op in operations if isinstance(op, ValueLine)]
    assert data == [bytes([number]) * m.VALUE_MAX for number in range(18)]


@pytest.mark.parametrize("start", [1, 1 << 24, (1 << 64) - 1, (99999 << 24) | 3])
def test_export_from_a_made_up_place_is_refused_or_empty(registry: Registry, start: int) -> None:
    with contextlib.suppress(Refused):
        registry.export_text("HKCU", "Software", start, "98se")


def test_save_folds_the_log_into_the_file(registry: Registry, tmp_path: Path) -> None:
    registry.create_key("HKCU", "Saved")
    assert registry.unsaved
    assert (tmp_path / "registry.sqlite-wal").stat().st_size > 0
    registry.save()
    assert not registry.unsaved
    assert (tmp_path / "registry.sqlite-wal").stat().st_size == 0


def test_one_daemon_at_a_time(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.01}))
    with pytest.raises(RegistryError, match="another daemon uses it"):
        Registry(tmp_path / "registry.sqlite")


def test_damaged_file_is_kept_aside_and_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    store = Registry(tmp_path / "registry.sqlite")
    store.check_key("HKLM", CV)
    store.close()
    assert (tmp_path / "registry.sqlite.damaged").read_bytes().startswith(b"not a database")
    assert "damaged" in capsys.readouterr().err


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "registry.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(RegistryError, match="newer"):
        Registry(tmp_path / "registry.sqlite")
