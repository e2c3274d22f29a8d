-- What programs sign in with. Of the secret there is only its hash: see `services/auth/api_keys.rs` for why a plain
-- one is enough.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    -- The beginning of the secret, for its owner to recognise it by.
    prefix text NOT NULL,
    key_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(key_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- To about a minute: a program that asks all the time must not write all the time.
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user_id ON api_keys (user_id);
-- The replicas ask every few seconds what ended of late.
CREATE INDEX api_keys_revoked_at ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_keys_expires_at ON api_keys (expires_at) WHERE expires_at IS NOT NULL;

-- Wrong keys of an address are counted apart: a program with an old key must not keep its owner from signing in.
ALTER TABLE login_throttle
    DROP CONSTRAINT login_throttle_scope_check,
    ADD CONSTRAINT login_throttle_scope_check CHECK (scope IN ('address', 'account', 'key'));
