"""Two networks from scratch, to read: `numpy_kan`, derivatives by hand, and `scalar`, derivatives by an engine.

Slow and literal on purpose. Nothing of the library is used, so that its tests can hold the fast layers against them;
hence plain `ValueError`s.
"""

import edgewise.scratch.numpy_kan as numpy_kan
import edgewise.scratch.scalar as scalar

__all__ = ["numpy_kan", "scalar"]
