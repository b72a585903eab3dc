"""Label frames: single points by GPAW in plane waves, or by any ASE calculator."""
