"""The 16-bit half of Windows 9x: the loader of NE modules, the LDT, the Win16 API, and the thunks between 16 and 32
bits.

Nothing is here yet: this version runs 32-bit programs. `w9x triage` names the programs that need this.
"""
