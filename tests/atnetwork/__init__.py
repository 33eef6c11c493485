"""A whole AT Protocol network on loopback, for `make test-all`: servers nobody here wrote, and what they need."""
