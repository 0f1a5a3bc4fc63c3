"""Published networks, trained by others on photographs, to start from."""
