"""Propose the first config of a crystal: settings by its elements and cell, each with its reason."""
