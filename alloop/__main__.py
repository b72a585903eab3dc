"""``python -m alloop`` is ``alloop``."""

from alloop.cli import main

if __name__ == "__main__":
    main()
