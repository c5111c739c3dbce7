"""Prints a skeleton for a function that is to be added: declaration, test, and what is known about it.

`python tools/new_api.py DLL NAME`, for instance `python tools/new_api.py kernel32 GetDriveTypeA`. Nothing is written:
copy what is useful. The parameters are not in any table; take them from Microsoft's documentation of the function.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for _source in ("client", "shared_arena"):
    sys.path.insert(0, str(ROOT / _source))

from w9x_client.abi import find_dll  # noqa: E402  # the path is set above
from w9x_client.loader import coverage, exports  # noqa: E402  # the same
from w9x_client.loader.exports.demand import PROGRAMS, demand  # noqa: E402  # the same

_SINCE = {"95": "", "later": "no Windows 9x exports it: declare it with not_on_9x()"}


def _names(stem: str) -> list[str]:
    table = exports.load(stem)
    assert table is not None
    return [line.label for line in table.exports]


def _twins(names: set[str], name: str) -> tuple[str, bool]:
    """(base name, whether it is a pair) of an A or W function."""
    if name[-1:] in ("A", "W") and {name[:-1] + "A", name[:-1] + "W"} <= names:
        return name[:-1], True
    if {name + "A", name + "W"} <= names:
        return name, True
    return name, False


def skeleton(stem: str, name: str) -> str:
    """The text for one function. SystemExit where the DLL or the function is not known."""
    info = exports.module_info(stem)
    if info is None:
        near = difflib.get_close_matches(stem.lower(), exports.modules())
        raise SystemExit(
            f"{stem} is no system DLL of Windows 98" + (f"; did you mean {', '.join(near)}?" if near else "")
        )
    names = _names(info.stem)
    base, pair = _twins(set(names), name)
    label = base + "A" if pair else base
    if label not in names:
        near = difflib.get_close_matches(name, names, n=5)
        raise SystemExit(f"{info.file_name} has no {name}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    table = exports.load(info.stem)
    assert table is not None
    line = next(entry for entry in table.exports if entry.label == label)
    state = coverage.of(info.stem, label)
    programs = demand().get(info.file_name, {}).get(label, 0)
    about = [
        f"# {info.file_name} {label}" + (" and its W twin" if pair else ""),
        f"# state: {state.status}{' (' + state.note + ')' if state.note else ''}",
        f"# imported by {programs} of {PROGRAMS} programs of the time",
        f"# in Windows since: {line.since}" + (f", ordinal {line.ordinal}" if line.ordinal is not None else ""),
    ]
    if line.since == "later":
        about.append(f"# {_SINCE['later']}")
    variable = info.stem.replace(".", "_")
    if find_dll(info.stem) is None:
        about.append(f'# the DLL is new: win32/{info.stem}/dll.py holds `{variable} = Dll("{info.stem}")`')
    options = "aw=True" if pair else ""
    decorator = f"@{variable}.not_on_9x()" if line.since == "later" else f"@{variable}.api({options})"
    test_name = "".join("_" + c.lower() if c.isupper() else c for c in base).strip("_")
    return "\n".join(
        [
            *about,
            "",
            f"# --- client/w9x_client/win32/{variable}/<topic>.py",
            decorator,
            f"def {base}(t: Task, lpszExample: {'LPCTSTR' if pair else 'LPCSTR'}, dwExample: DWORD) -> BOOL:",
            '    """What it does, in one line; units and limits; the source of the facts."""',
            "    raise WinError(Err.CALL_NOT_IMPLEMENTED)",
            "",
            f"# --- tests/api/test_{variable}_<topic>.py",
            f"def test_{test_name}_does_what_is_documented(guest: Guest) -> None:",
            f'    assert guest.call("{info.stem}.{label}", "text", 1) == 1',
            "    assert guest.last_error == POISON  # success leaves it alone",
            "",
            f"def test_{test_name}_reports_what_is_wrong(guest: Guest) -> None:",
            f'    assert guest.call("{info.stem}.{label}", None, 0) == 0',
            "    assert guest.last_error == Err.INVALID_PARAMETER",
        ]
    )


def main() -> None:
    """Print the skeleton."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("dll", metavar="DLL")
    parser.add_argument("name", metavar="NAME")
    options = parser.parse_args()
    print(skeleton(options.dll, options.name))


if __name__ == "__main__":
    main()
