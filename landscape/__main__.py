"""`python -m landscape` is `landscape`."""

from landscape.cli import main

if __name__ == "__main__":
    main()
