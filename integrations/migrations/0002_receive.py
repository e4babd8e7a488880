"""Row-level security, and the two functions that the webhook lives on."""

from django.db import migrations

from pqintel.workspaces.rls import EnableRowSecurity

# The one look across workspaces that receiving needs: token -> connection. It runs as the owner of the tables, who is
# let in by a policy of its own, and gives away nothing but sealed columns of the one row asked for.
ROUTE = """
DO $$ BEGIN
    EXECUTE format('CREATE POLICY route ON integrations_connection FOR SELECT TO %I USING (true)', current_user);
END $$;
CREATE FUNCTION webhook_route(wanted bytea)
RETURNS TABLE (
    id uuid, workspace_id bigint, mode varchar, webhook_secret bytea, previous_webhook_secret bytea,
    previous_valid_until timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT id, workspace_id, mode, webhook_secret, previous_webhook_secret, previous_valid_until
    FROM integrations_connection WHERE token_hash = wanted
$$;
REVOKE ALL ON FUNCTION webhook_route(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_route(bytea) TO pq_app;
"""
NO_ROUTE = """
DROP FUNCTION webhook_route(bytea);
DROP POLICY route ON integrations_connection;
"""

# One round trip from verified bytes to a durable row. A redelivery of a known event changes nothing, except that it
# re-arms a quarantined one; the plain UPDATE looks before it locks, so it never waits for a worker's batch.
RECEIVE = """
CREATE FUNCTION inbox_receive(ws bigint, conn uuid, event_mode text, event text, sealed bytea, proof boolean)
RETURNS boolean LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    PERFORM set_config('app.ws', ws::text, true);
    INSERT INTO integrations_inboxevent
        (workspace_id, connection_id, mode, event_id, body, state, tries, solo_tries, received_at, proves)
    VALUES (ws, conn, event_mode, event, sealed, 'pending', 0, 0, now(), proof)
    ON CONFLICT (workspace_id, mode, event_id) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;
    UPDATE integrations_inboxevent
    SET state = 'pending', body = sealed, tries = 0, solo_tries = 0, reason = NULL, received_at = now(), proves = proof
    WHERE workspace_id = ws AND mode = event_mode AND event_id = event AND state = 'quarantined';
    RETURN FOUND;
END
$$;
"""

# Rows of these tables live for seconds in one state: let autovacuum keep up.
STORAGE = """
ALTER TABLE integrations_inboxevent
    SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, fillfactor = 80);
"""
NO_STORAGE = """
ALTER TABLE integrations_inboxevent
    RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial"), ("workspaces", "0002_row_security")]

    operations = [
        EnableRowSecurity("Connection"),
        EnableRowSecurity("InboxEvent"),
        EnableRowSecurity("RefusedDelivery"),
        EnableRowSecurity("Read"),
        migrations.RunSQL(ROUTE, NO_ROUTE),
        migrations.RunSQL(RECEIVE, "DROP FUNCTION inbox_receive(bigint, uuid, text, text, bytea, boolean);"),
        migrations.RunSQL(STORAGE, NO_STORAGE),
    ]
