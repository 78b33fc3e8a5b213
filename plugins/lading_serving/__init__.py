"""A scoring server that keeps Azure ML's inference contract, and the supervisor that keeps it up."""
