"""The command `w9x`: one module per group of sub-commands, loaded when the sub-command is used."""
