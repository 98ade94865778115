"""The tools that the checks are put to, by their documented interfaces, one file each."""
