-- Ids of tenants, users and actors are visible ASCII, 1 to 255 characters: what OpenID Connect allows a subject to be.

-- ff:up
ALTER DOMAIN scope_id DROP CONSTRAINT scope_id_form;
ALTER DOMAIN scope_id ADD CONSTRAINT scope_id_form CHECK (VALUE ~ '^[!-~]{1,255}$');

-- ff:down
LOCK TABLE user_override, tenant_override, flag_registry, audit IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  ALTER DOMAIN scope_id DROP CONSTRAINT scope_id_form;
  ALTER DOMAIN scope_id ADD CONSTRAINT scope_id_form CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$');
EXCEPTION WHEN check_violation THEN
  RAISE EXCEPTION 'ids that the earlier form does not allow would be lost' USING ERRCODE = 'FFM01';
END $$;
