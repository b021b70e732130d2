"""GGUF files, as llama.cpp, Ollama and LM Studio keep them: read into a model's directory, and
written from one.
"""
