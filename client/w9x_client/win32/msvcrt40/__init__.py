"""MSVCRT40, the C runtime of Visual C++ 4: forwards to MSVCRT."""
