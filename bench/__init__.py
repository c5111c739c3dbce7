"""How fast: the same programs on this CPU, on qemu-i386 and on w9x, as ratios taken in one run. `python -m bench`."""
