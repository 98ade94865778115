"""Checks that every tool that draws loss landscapes can be put to, one file each.

They import nothing but torch and numpy, and so run in the environment of any tool.
"""
