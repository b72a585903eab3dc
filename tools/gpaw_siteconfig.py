"""How GPAW is built here: plain g++, no MPI, and libxc where pkg-config finds it.

GPAW's own set-up executes this file when GPAW_CONFIG names it. Left alone it would build with MPI wherever a compiler
for it lies around, while alloop runs one serial label per core, and it would miss libxc on a machine without BLAS.
"""

import os
import subprocess


def _pkg_config(option: str, prefix: str) -> list[str]:
    """Return what pkg-config says of libxc, without the prefix of each word; nothing if it knows no libxc."""
    try:
        found = subprocess.run(["pkg-config", option, "libxc"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [word.removeprefix(prefix) for word in found.stdout.split()]


compiler = os.environ.get("CXX", "g++")
mpi = False
noblas = True
libraries = _pkg_config("--libs-only-l", "-l")
library_dirs = _pkg_config("--libs-only-L", "-L")
runtime_library_dirs = list(library_dirs)
include_dirs = _pkg_config("--cflags-only-I", "-I")
nolibxc = "xc" not in libraries
