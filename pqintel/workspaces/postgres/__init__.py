"""PostgreSQL backend of Django with the two things that row-level security needs. Used as DATABASES ENGINE."""
