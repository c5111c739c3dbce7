"""The ring-0 half of Windows 9x: VMM, VWIN32 and the other VxDs, and the loader of linear executables (LE).

Nothing is here yet: this version runs Win32 programs that do not talk to VxDs. `w9x triage` names the programs that do.
"""
