"""Structures: contacts, electron counts, rattled copies, supercells."""
