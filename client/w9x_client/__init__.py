"""One emulated Windows 9x process: engine, loader, API and the command line."""
