-- PostgreSQL: a role for the console that can write the audit log and cannot unguard it.
--
-- Triggers stop whoever may not drop them. The role that owns the tables may; so the web and worker
-- processes log in as this one, and only the release phase (migrate) as the owner. Needs a plan
-- with more than one credential. Run it as the owner, after each migrate (it may be repeated):
--
--     psql "$OWNER_DATABASE_URL" -v role=console_app -f docs/ops/audit-role.sql
--
-- The role must be there: CREATE ROLE console_app LOGIN PASSWORD '…' NOINHERIT;

GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"role";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"role";

-- Append-only in rights, too: nothing but reading and adding.
REVOKE ALL ON console_audit_log, console_audit_chain FROM :"role";
GRANT SELECT, INSERT ON console_audit_log, console_audit_chain TO :"role";

-- What says which migrations were applied is the owner's business.
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM :"role";
