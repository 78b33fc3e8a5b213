"""Never imported, because two distributions offer the name."""
