"""Programs and DLLs: PE images, system modules, search order, resources.

`read_program` and `load_program` bring a program in, `process_attach` to `thread_detach` tell its modules,
`load_library` and the rest are the API's. A process's modules are a `ModuleTable`; `image`, `resources` and
`version` read files that are not loaded.
"""

from .attach import LoadError, process_attach, process_detach, thread_attach, thread_detach
from .image import ImageError, PeImage, parse
from .load import Program, free_library, get_proc_address, load_library, load_program, read_program, resolve_loaded
from .module import Module, ModuleTable

__all__ = [
    "ImageError",
    "LoadError",
    "Module",
    "ModuleTable",
    "PeImage",
    "Program",
    "free_library",
    "get_proc_address",
    "load_library",
    "load_program",
    "parse",
    "process_attach",
    "process_detach",
    "read_program",
    "resolve_loaded",
    "thread_attach",
    "thread_detach",
]
