"""Conversations to token ids with what is learnt marked."""
