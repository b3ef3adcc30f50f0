"""pykan's names over edgewise: a script written for pykan runs after changing only its import line."""
