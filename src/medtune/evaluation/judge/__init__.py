"""Answers judged by criteria: the criteria, how a judge model is asked, what it is worth, and
the figures.
"""
