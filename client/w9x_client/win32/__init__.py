"""The Win32 API: one package per system DLL, one module per SDK topic."""
