"""The data sets known by name, and files of one's own: their columns, and their rows as
conversations.
"""
