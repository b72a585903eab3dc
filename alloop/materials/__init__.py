"""Structures and what may be asked of them."""
