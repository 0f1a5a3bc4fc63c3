"""What a user asks for: the configuration, checked and turned into flags."""
