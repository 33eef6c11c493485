"""Speed measured side by side with the bare limit, in the same run; never by a timed test."""
