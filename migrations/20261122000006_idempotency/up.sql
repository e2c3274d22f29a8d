-- Makes a POST with an `Idempotency-Key` repeatable: what was asked, and what was answered. Removed after a day.
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    -- Of method, path and body.
    request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
    -- The id of what the request makes: the same each time it is run.
    made_id uuid NOT NULL,
    -- The request that runs it, and since when; after some seconds another one may.
    holder uuid NOT NULL,
    held_since timestamptz NOT NULL DEFAULT now(),
    -- Of the answer; none while it is not given. Answers have no secrets: where they would, no key is kept.
    status smallint,
    body text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key),
    CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
