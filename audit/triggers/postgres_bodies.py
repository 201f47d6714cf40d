"""What our functions in PostgreSQL do.

Those of the flag table's triggers run with their owner's rights for whoever changes a flag: each
table is named with its schema, and everything else is looked up in pg_catalog alone, where nobody
can put a function of their own.
"""

_ACTIONS = "('console.flag.flip', 'console.flag.reconciled')"
# flip() wrote its audit row before it changes the flag, and seals it afterwards: one that tells of
# this very value, that is the flag's last and is not sealed yet belongs to this change and to no
# other.
_ACCOUNTED = f"""
        EXISTS (
            SELECT 1 FROM {{schema}}.console_audit_log AS told
            WHERE told.change_id = NEW.change_id
                AND told.channel <> 'sql' AND told.target_type = 'feature_flag'
                AND told.action IN {_ACTIONS}
                AND told.target_id = NEW.flag_key AND told.payload ->> 'env' = NEW.env
                AND coalesce(told.payload -> 'to', told.payload -> 'value')
                    = to_jsonb(NEW.value = 1)
                AND NOT EXISTS (
                    SELECT 1 FROM {{schema}}.console_audit_chain WHERE audit_id = told.id
                )
                AND NOT EXISTS (
                    SELECT 1 FROM {{schema}}.console_audit_log AS later
                    WHERE later.target_type = 'feature_flag' AND later.target_id = NEW.flag_key
                        AND later.id > told.id AND later.action IN {_ACTIONS}
                        AND later.payload ->> 'env' = NEW.env
                )
        )"""

VERSION = f"""
DECLARE
    same_flag boolean := TG_OP = 'UPDATE'
        AND (NEW.flag_key, NEW.env) IS NOT DISTINCT FROM (OLD.flag_key, OLD.env);
    changes boolean := NOT same_flag OR NEW.value IS DISTINCT FROM OLD.value;
BEGIN
    IF NOT changes AND (NEW.change_id, NEW.updated_by_id)
        IS NOT DISTINCT FROM (OLD.change_id, OLD.updated_by_id)
    THEN
        RETURN NEW;
    END IF;
    IF (same_flag OR TG_OP = 'INSERT') AND {_ACCOUNTED} THEN
        RETURN NEW;
    END IF;
    IF changes THEN
        NEW.change_id := gen_random_uuid();
        NEW.updated_by_id := NULL;
    ELSE
        -- A version or a name without a change would lay a value at another one's door.
        NEW.change_id := OLD.change_id;
        NEW.updated_by_id := OLD.updated_by_id;
    END IF;
    RETURN NEW;
END
"""
"""Before a change: the row's version."""

TELL = """
DECLARE
    moved boolean := TG_OP = 'UPDATE'
        AND (NEW.flag_key, NEW.env) IS DISTINCT FROM (OLD.flag_key, OLD.env);
    gone boolean := moved OR TG_OP = 'DELETE';
    came boolean := moved OR TG_OP = 'INSERT';
BEGIN
    IF NOT gone AND NOT came AND NEW.value = OLD.value THEN
        RETURN NULL;
    END IF;
    INSERT INTO {schema}.console_audit_log (
        created_at, actor, channel, action, target_type, target_id, payload, context, change_id
    )
    SELECT clock_timestamp(), session_user, 'sql', 'console.flag.flip', 'feature_flag', flag,
        jsonb_build_object('flag', flag, 'env', env, 'from', was = 1, 'to', becomes = 1),
        jsonb_strip_nulls(jsonb_build_object(
            'db_role', session_user,
            'set_role', nullif(current_setting('role', true), 'none'),
            'application', nullif(current_setting('application_name', true), ''),
            'address', host(inet_client_addr())
        )),
        change
    FROM (
        SELECT OLD.flag_key, OLD.env, OLD.value, NULL::smallint, gen_random_uuid()
        WHERE gone
        UNION ALL
        SELECT NEW.flag_key, NEW.env, CASE WHEN NOT came THEN OLD.value END, NEW.value,
            NEW.change_id
        WHERE TG_OP <> 'DELETE' AND NOT EXISTS (
            SELECT 1 FROM {schema}.console_audit_log WHERE change_id = NEW.change_id
        )
    ) AS told (flag, env, was, becomes, change);
    RETURN NULL;
END
"""
"""After a change: the audit row, with what the server knows of whoever made it.

`session_user` is who logged in, `role` what they changed to. An INSERT that a conflict turned into
nothing never comes here; a row moved to another flag is a DELETE and an INSERT.
"""

UNSEALED = """
#variable_conflict use_column
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM pg_advisory_xact_lock({lock});
    RETURN QUERY
    SELECT head.seq, head.row_hash, log.id,
        to_char(log.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
        log.admin_id, log.actor, log.channel,
        log.action, log.target_type, log.target_id, log.payload, log.context, log.change_id
    FROM (SELECT 1) AS always
    LEFT JOIN (
        SELECT seq, row_hash FROM {schema}.console_audit_chain ORDER BY seq DESC LIMIT 1
    ) AS head ON true
    LEFT JOIN (
        SELECT found.* FROM (
            SELECT unnest(own) AS id
            UNION
            SELECT latest.id FROM (
                SELECT id FROM {schema}.console_audit_log WHERE channel = 'sql'
                ORDER BY created_at DESC, id DESC LIMIT look
            ) AS latest
        ) AS wanted
        JOIN LATERAL (
            SELECT * FROM {schema}.console_audit_log WHERE id = wanted.id OFFSET 0
        ) AS found ON true
        WHERE NOT EXISTS (
            SELECT 1 FROM {schema}.console_audit_chain WHERE audit_id = wanted.id
        )
    ) AS log ON true
    ORDER BY log.id;
END
"""
"""What `chain.seal` reads: the lock first, then the head and the rows without links.

Foreign keys are checked before it: their checks wait for rows, and whoever holds those may wait for
the lock. A statement sees what was committed before it began, so the one that waits for the lock
must not be the one that reads. A function, because its plan is kept: to plan the query anew took
longer than all else while others wait.
"""
UNSEALED_SIGNATURE = """console_audit_unsealed(own bigint[], look integer)
    RETURNS TABLE (
        head_seq bigint, head_hash varchar, id bigint, created_at text, admin_id bigint,
        actor varchar, channel varchar, action varchar, target_type varchar, target_id varchar,
        payload jsonb, context jsonb, change_id uuid
    )"""
