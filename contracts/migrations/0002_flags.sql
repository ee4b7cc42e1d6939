-- The registry and its two kinds of override (page 1, state).

-- ff:up
CREATE TABLE flag_registry (
  flag_key flag_key PRIMARY KEY,
  value_type text COLLATE "C" NOT NULL,
  default_value flag_value NOT NULL,
  safe_value flag_value NOT NULL,
  sensitive boolean NOT NULL,
  required_auth text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  description prose NOT NULL,
  owner prose NOT NULL,
  revision revision NOT NULL,
  created_at instant NOT NULL,
  updated_at instant NOT NULL,
  CONSTRAINT flag_registry_value_type_known CHECK (value_type IN ('boolean', 'string', 'number', 'object')),
  CONSTRAINT flag_registry_required_auth_known CHECK (required_auth IN ('none', 'any', 'verified')),
  CONSTRAINT flag_registry_state_known CHECK (state IN ('active', 'killed', 'archived')),
  CONSTRAINT flag_registry_default_fits CHECK (jsonb_typeof(default_value) = value_type),
  CONSTRAINT flag_registry_safe_fits CHECK (jsonb_typeof(safe_value) = value_type)
);

CREATE TABLE tenant_override (
  tenant_id scope_id NOT NULL,
  flag_key flag_key NOT NULL,
  value flag_value,
  approval_ref approval_ref,
  note prose,
  expires_at instant,
  created_by scope_id NOT NULL,
  updated_by scope_id NOT NULL,
  revision revision NOT NULL,
  created_at instant NOT NULL,
  updated_at instant NOT NULL,
  deleted_at instant,
  CONSTRAINT tenant_override_pkey PRIMARY KEY (tenant_id, flag_key),
  CONSTRAINT tenant_override_flag_fkey FOREIGN KEY (flag_key) REFERENCES flag_registry (flag_key)
    ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT tenant_override_live_or_bare CHECK (
    CASE WHEN deleted_at IS NULL THEN value IS NOT NULL
    ELSE num_nonnulls(value, approval_ref, note, expires_at) = 0 END)
);
CREATE INDEX tenant_override_flag_idx ON tenant_override (flag_key);

CREATE TABLE user_override (
  user_id scope_id NOT NULL,
  flag_key flag_key NOT NULL,
  value flag_value,
  approval_ref approval_ref,
  note prose,
  expires_at instant,
  created_by scope_id NOT NULL,
  updated_by scope_id NOT NULL,
  revision revision NOT NULL,
  created_at instant NOT NULL,
  updated_at instant NOT NULL,
  deleted_at instant,
  CONSTRAINT user_override_pkey PRIMARY KEY (user_id, flag_key),
  CONSTRAINT user_override_flag_fkey FOREIGN KEY (flag_key) REFERENCES flag_registry (flag_key)
    ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT user_override_live_or_bare CHECK (
    CASE WHEN deleted_at IS NULL THEN value IS NOT NULL
    ELSE num_nonnulls(value, approval_ref, note, expires_at) = 0 END)
);
CREATE INDEX user_override_flag_idx ON user_override (flag_key);

-- ff:down
LOCK TABLE user_override, tenant_override, flag_registry IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
  IF EXISTS (SELECT FROM flag_registry) OR EXISTS (SELECT FROM tenant_override) OR EXISTS (SELECT FROM user_override) THEN
    RAISE EXCEPTION 'flags or overrides would be lost' USING ERRCODE = 'FFM01';
  END IF;
END $$;
DROP TABLE user_override;
DROP TABLE tenant_override;
DROP TABLE flag_registry;
