"""What else one would write. Each file is a program: `python FILE BASE_URL BOOTSTRAP_SERVERS TOPIC_PREFIX`."""
