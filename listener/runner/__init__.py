"""Who calls the verbs, and when: `embedded` in one process."""
