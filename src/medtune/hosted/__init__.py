"""Fine-tuning at a hosted service: the request, its price, the job and its results."""
