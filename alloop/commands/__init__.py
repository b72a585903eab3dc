"""One file per command: what it does, without the parsing of the command line."""
