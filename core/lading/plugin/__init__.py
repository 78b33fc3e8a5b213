"""The contract with plugins: the hook specifications, and how a plugin is found, bound and checked."""
