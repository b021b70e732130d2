"""Prompts that ask for safe advice, what a safe answer says and never says, and the rules that
judge an answer.
"""
