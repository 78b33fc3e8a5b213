"""A scoring server with Azure ML's inference contract, and the supervisor that keeps it running."""
