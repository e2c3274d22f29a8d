CREATE TABLE users (
    id uuid PRIMARY KEY,
    -- In lower case, so that uniqueness ignores case. What is not ASCII, the program has lowered.
    email text NOT NULL UNIQUE CHECK (email = lower(email COLLATE "C")),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'user')),
    password_hash text NOT NULL,
    -- A deactivated account keeps its data and cannot sign in.
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- One sign-in on one device: the family of its refresh tokens.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
-- The replicas ask every few seconds what was revoked of late.
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    token_sha256 bytea PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Set when the token was exchanged for its successor.
    rotated_at timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

CREATE TABLE login_throttle (
    scope text NOT NULL CHECK (scope IN ('address', 'account')),
    key text NOT NULL,
    attempts integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX login_throttle_updated_at ON login_throttle (updated_at);
