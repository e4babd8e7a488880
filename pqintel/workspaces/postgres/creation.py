"""The test database: tests may empty tables, which the application's role otherwise may not."""

from typing import Any

from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        name = super().create_test_db(*args, **kwargs)
        connection: Any = self.connection  # our own DatabaseWrapper
        with connection.as_owner(), connection.cursor() as cursor:
            cursor.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO pq_app")
        return name
