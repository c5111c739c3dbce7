"""The conformance programs: one C (or C++, asm) file each below `programs/<topic>/`, with two files beside it.

    name.expected     standard output with \\n for \\r\\n; the last line is "[exit code N]"
    name.provenance   where these values come from: a reference implementation that was run, a document, or both

Directives stand at the head of the source, one per line: `/*: word arguments */`

    crt               link with the C runtime (default: kernel32 alone, entry point `start` from out.h)
    args A B "C D"    arguments of the program
    stdin TEXT        standard input, with C escapes
    env NAME=VALUE    an environment variable (repeatable)
    libs NAME...      import libraries beyond kernel32
    dll NAME SOURCE [DEF]   build NAME.dll from SOURCE and put it beside the program; linked as an import with `import`
    import NAME...    of the DLLs above, those the program links with
    compiler FLAG...  more flags for the compiler
    exit any          the exit code is not compared, but must not be 0

`python -m tests.conformance.cases [NAME...]` with W9X_TEST_RUNNER set records `expected` files from a reference;
read them against the documentation before believing them, and write the provenance by hand.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.guest.build import build_dll, build_exe
from tests.guest.run import Runner

PROGRAMS = Path(__file__).resolve().parent / "programs"
_DIRECTIVE = re.compile(r"^/\*: (\w+) ?(.*?) ?\*/$")


@dataclass
class Case:
    """One program with its directives."""

    source: Path
    crt: bool = False
    args: list[str] = field(default_factory=list)
    stdin: bytes = b""
    env: list[str] = field(default_factory=list)
    libs: list[str] = field(default_factory=list)
    dlls: list[list[str]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    any_exit: bool = False
    error_output: str = ""

    @classmethod
    def read(cls, source: Path) -> Case:
        case = cls(source)
        for line in source.read_text(encoding="utf-8").splitlines():
            found = _DIRECTIVE.match(line)
            if not found:
                break
            word, rest = found.groups()
            if word == "crt":
                case.crt = True
            elif word == "args":
                case.args = shlex.split(rest)
            elif word == "stdin":
                case.stdin = rest.encode().decode("unicode_escape").encode("latin-1")
            elif word == "env":
                case.env.append(rest)
            elif word == "libs":
                case.libs = rest.split()
            elif word == "dll":
                case.dlls.append(rest.split())
            elif word == "import":
                case.imports = rest.split()
            elif word == "compiler":
                case.flags = shlex.split(rest)
            elif word == "exit" and rest == "any":
                case.any_exit = True
            else:
                raise ValueError(f"{source.name}: unknown directive {word}")
        return case

    @property
    def name(self) -> str:
        return f"{self.source.parent.name}/{self.source.stem}"

    @property
    def expected_path(self) -> Path:
        return self.source.with_suffix(".expected")

    @property
    def provenance_path(self) -> Path:
        return self.source.with_suffix(".provenance")

    def build(self, folder: Path) -> Path:
        """Build the program and its DLLs, and put them together in `folder`."""
        here = self.source.parent
        built: dict[str, Path] = {}
        for name, source, *rest in self.dlls:
            known = [built[other] for other in rest if other in built]
            definition = next((here / other for other in rest if other.endswith(".def")), None)
            built[name] = build_dll(
                name, [here / source], crt=False, flags=["-fno-builtin"], definition=definition, dlls=known
            )
            shutil.copy(built[name], folder)
        flags = ["-fno-builtin", *self.flags] if not self.crt else self.flags
        exe = build_exe(
            self.source.stem,
            [self.source],
            crt=self.crt,
            flags=flags,
            libs=self.libs,
            dlls=[built[name] for name in self.imports],
        )
        return Path(shutil.copy(exe, folder))

    def run(self, runner: Runner, folder: Path, options: list[str] | None = None) -> str:
        """Run the program in `folder` and return its output in the form of an `expected` file."""
        program = self.build(folder)
        env = dict(item.split("=", 1) for item in self.env)
        words = [word for item in self.env for word in ("--env", item)]
        done = runner.run(program, self.args, stdin=self.stdin, cwd=folder, options=[*words, *(options or [])], env=env)
        text = done.stdout.replace(b"\r\n", b"\n").decode("latin-1")
        if text and not text.endswith("\n"):
            text += "[no line end]\n"
        code = "not 0" if self.any_exit and done.returncode else str(done.returncode)
        self.error_output = done.stderr.decode("latin-1")
        return f"{text}[exit code {code}]\n"


def cases() -> list[Case]:
    """All programs that have an `expected` file."""
    return [Case.read(path.with_suffix(".c")) for path in sorted(PROGRAMS.glob("*/*.expected"))]


def record(names: list[str]) -> None:
    """Write `expected` files from the reference; prints what changed hands so that it can be read."""
    runner = Runner()
    if not runner.is_reference:
        raise SystemExit("set W9X_TEST_RUNNER to the command of a reference implementation")
    for name in names:
        case = Case.read(PROGRAMS / f"{name}.c")
        folder = Path(tempfile.mkdtemp())
        try:
            text = case.run(runner, folder)
        finally:
            shutil.rmtree(folder)
        case.expected_path.write_text(text, encoding="latin-1")
        print(f"--- {name}\n{text[:6000]}{case.error_output[:500]}")
    runner.stop()


if __name__ == "__main__":
    record(sys.argv[1:])
