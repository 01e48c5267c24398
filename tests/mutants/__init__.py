"""The tests bite: wrong bridges, each of which must make a test fail."""
