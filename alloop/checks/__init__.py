"""A config held against its files, its engines and its cost."""
