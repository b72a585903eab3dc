"""Single points of frames: GPAW in plane waves, or any ASE calculator."""
