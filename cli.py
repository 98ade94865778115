"""The Entry point of a checkout: `python cli.py` is `landscape`."""

from landscape.cli import main

if __name__ == "__main__":
    main()
