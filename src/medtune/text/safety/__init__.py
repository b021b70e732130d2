"""Prompts that ask for safe advice, what a safe answer says and must not say, and the rules that
judge answers.
"""
