"""Export a package to a file, and import it from a file that is not trusted."""
