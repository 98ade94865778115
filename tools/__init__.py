"""Tools of development; none of them is installed."""
