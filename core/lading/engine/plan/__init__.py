"""Plan a deploy without side effects."""
