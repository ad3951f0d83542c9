"""``python -m fusebench`` is the same as the command ``fusebench``."""

from fusebench.bench.cli import main

if __name__ == "__main__":
    main()
