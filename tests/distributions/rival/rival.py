"""Never imported: the name is contested."""
