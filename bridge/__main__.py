"""``python -m bridge`` and ``terrakube-bridge``."""

from bridge.cli import main

if __name__ == "__main__":
    main()
