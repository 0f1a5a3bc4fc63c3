"""How good an image is, and how sure that number is."""
