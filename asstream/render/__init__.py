"""The terminal: what a person sees, and what never reaches it. Knows rich; knows nothing of openai."""
