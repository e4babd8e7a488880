"""The two roles that the application works as, and row-level security for this app's tenant tables."""

from django.db import migrations

from pqintel.workspaces.rls import EnableRowSecurity

# Roles belong to the whole cluster: another database of it may have made them, or be making them right now.
CREATE_ROLES = """
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['pq_app', 'pq_staff'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', name);
            END IF;
            IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO %I', name, current_user);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            RAISE NOTICE 'role % was made by another session', name;
        END;
    END LOOP;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_ROLES, migrations.RunSQL.noop),
        EnableRowSecurity("Invitation"),
    ]
