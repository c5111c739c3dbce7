"""MSVCRT: each module declares the exports of one SDK topic; `abi.find_dll` imports them."""
