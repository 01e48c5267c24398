"""What integration tests are built from: the bridge as a child process, a reader of its own, and the comparison."""
