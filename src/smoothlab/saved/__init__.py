"""Saved outputs of any framework, from any common file, read a block at a time and refused by name and row."""

from .saved import Saved, open_saved

__all__ = ["Saved", "open_saved"]
