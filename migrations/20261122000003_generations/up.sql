-- One heartbeat row for each server process; the database's clock decides whose lease is over.
CREATE TABLE replicas (
    id uuid PRIMARY KEY,
    -- Changes with every start, so that an older process with the same id notices that it was replaced.
    boot_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE generations (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    message_id uuid NOT NULL UNIQUE REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'stopping', 'done', 'stopped', 'failed')),
    -- Who writes. Whoever takes over raises the epoch, and the former owner's writes no longer match.
    owner uuid NOT NULL,
    epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0),
    attempt integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
    -- Written at the end only: while it runs the journal itself knows.
    last_seq integer NOT NULL DEFAULT 0,
    -- The partition of its chunks: days since 1970-01-01 when it began.
    bucket integer NOT NULL,
    -- As asked for: model and sampling options.
    request jsonb NOT NULL,
    -- As started: prompt tokens, model hash, seed; all that another owner needs to go on.
    params jsonb,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX generations_unfinished_owner ON generations (owner)
    WHERE status IN ('queued', 'running', 'stopping');
CREATE INDEX generations_unfinished_bucket ON generations (bucket)
    WHERE status IN ('queued', 'running', 'stopping');
CREATE INDEX generations_unfinished_conversation ON generations (conversation_id)
    WHERE status IN ('queued', 'running', 'stopping');
CREATE INDEX generations_conversation ON generations (conversation_id);

-- The journal. No row is ever updated or deleted: a partition is dropped as a whole when all its generations
-- have ended. No foreign key: the writer holds a lock on the generation's row anyway, and a key would have to be
-- checked for every chunk.
CREATE TABLE generation_chunks (
    bucket integer NOT NULL,
    generation_id uuid NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    epoch integer NOT NULL,
    byte_offset integer NOT NULL CHECK (byte_offset >= 0),
    kind text NOT NULL CHECK (kind IN ('text', 'reasoning', 'tool')),
    body text NOT NULL,
    tokens integer[] NOT NULL,
    PRIMARY KEY (bucket, generation_id, seq)
) PARTITION BY LIST (bucket);

-- Makes a send repeatable. Kept longer than the conversation, so that a late repeat does not bring back what was
-- deleted.
CREATE TABLE sends (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id uuid NOT NULL,
    body_sha256 bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    conversation_id uuid NOT NULL,
    user_message_id uuid NOT NULL,
    message_id uuid NOT NULL,
    generation_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX sends_created_at ON sends (created_at);
