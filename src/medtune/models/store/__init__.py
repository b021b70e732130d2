"""Models that need no hub: the catalogue, how they are got and kept, and what lies on the machine
already.
"""
