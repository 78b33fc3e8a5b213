"""Small parts that every other package may use: child processes, redaction, lazily loaded names."""
