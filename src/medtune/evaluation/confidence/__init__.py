"""Does a model's confidence mean anything, and from what confidence on should it speak: from
saved samples alone.
"""
