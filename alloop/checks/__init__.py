"""Check a config against its files, its engines and its cost."""
