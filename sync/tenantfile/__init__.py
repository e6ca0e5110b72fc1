"""A tenant as a file: read strictly, compared with what stands, applied, and written out again (`interfaces.md`)."""
