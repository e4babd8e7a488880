"""Whether a lane has work, in one round trip: asked at the end of every visit, without a transaction around it."""

from django.db import migrations

WAITS = """
CREATE FUNCTION inbox_waits(ws bigint, conn uuid) RETURNS boolean LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    PERFORM set_config('app.ws', ws::text, true);
    RETURN EXISTS (
        SELECT FROM integrations_inboxevent WHERE workspace_id = ws AND connection_id = conn AND state = 'pending'
    );
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0002_receive")]

    operations = [migrations.RunSQL(WAITS, "DROP FUNCTION inbox_waits(bigint, uuid);")]
