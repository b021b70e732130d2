"""Files as streams of rows, one module a kind of file.

Memory stays bounded; what cannot be read is named with its line.
"""
