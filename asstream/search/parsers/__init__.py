"""Files into pieces of text with their places. Runs in processes of its own (`asstream.search.reader`)."""
