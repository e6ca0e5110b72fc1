"""A tenant as a file: read strictly, compared with what stands, applied, and written out again. Its format is in the README."""
