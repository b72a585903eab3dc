"""How GPAW is built here: plain g++, libxc where pkg-config finds it, and MPI only if GPAW_MPI=1 says so.

GPAW's own set-up executes this file when GPAW_CONFIG names it. Left alone it would build with MPI wherever a compiler
for it lies around, while alloop runs one serial label per core unless told otherwise, and it would miss libxc on a
machine without BLAS.
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


mpi = os.environ.get("GPAW_MPI") == "1"
compiler = os.environ.get("CXX", "mpicxx" if mpi else "g++")
noblas = True
libraries = _pkg_config("--libs-only-l", "-l")
library_dirs = _pkg_config("--libs-only-L", "-L")
runtime_library_dirs = list(library_dirs)
include_dirs = _pkg_config("--cflags-only-I", "-I")
nolibxc = "xc" not in libraries
