"""MSVCRT20, the C runtime of Visual C++ 2: forwards to MSVCRT."""
