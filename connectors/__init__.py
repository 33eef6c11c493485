"""One platform each; found by entry point, never imported by name."""
