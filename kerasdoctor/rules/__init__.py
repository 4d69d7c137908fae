"""One file per diagnosis, found by walking this package; there is no list to keep."""
