"""What a deploy would do, without its effects."""
