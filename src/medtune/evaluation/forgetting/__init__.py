"""General English text that the package brings along, and text of one's own, to see what training made a model forget."""
