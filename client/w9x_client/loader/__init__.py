"""Programs and DLLs: PE images, system modules, search order, resources."""

from .image import ImageError, PeImage, parse
from .load import (
    LoadError, Program, free_library, get_proc_address, load_library, load_program, process_attach, process_detach,
    read_program, resolve_loaded, thread_attach, thread_detach,
)  # fmt: skip
from .module import Module, ModuleTable

__all__ = [
    "ImageError", "LoadError", "Module", "ModuleTable", "PeImage", "Program", "free_library", "get_proc_address", "load_library",
    "load_program", "parse", "process_attach", "process_detach", "read_program", "resolve_loaded", "thread_attach", "thread_detach",
]  # fmt: skip
