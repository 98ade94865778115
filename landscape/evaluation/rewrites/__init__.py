"""Rewrites of a model that compute the same function faster."""
