"""Pictures on a terminal: what a picture's bytes say of it, and drawing it the best way that there is."""
