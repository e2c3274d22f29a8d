CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Empty until a person or the model names it.
    title text NOT NULL DEFAULT '',
    model text,
    active_leaf_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Set while a delete can still be undone.
    deleted_at timestamptz
);
CREATE INDEX conversations_list ON conversations (user_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX conversations_deleted_at ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id uuid,
    role text NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    -- Of an answer that is being written the text is in the journal; it is put here when the answer ends.
    content text NOT NULL DEFAULT '',
    reasoning text NOT NULL DEFAULT '',
    status text NOT NULL CHECK (status IN ('pending', 'streaming', 'complete', 'stopped', 'failed')),
    model text,
    usage jsonb,
    finish_reason text CHECK (finish_reason IN ('stop', 'length', 'stopped')),
    error jsonb,
    omitted_message_ids uuid[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Lists are read newest first; the pair is also what keeps a tree within its conversation.
    UNIQUE (conversation_id, id),
    FOREIGN KEY (conversation_id, parent_id) REFERENCES messages (conversation_id, id),
    CHECK (parent_id <> id)
);
CREATE INDEX messages_parent ON messages (conversation_id, parent_id);

ALTER TABLE conversations
    ADD CONSTRAINT conversations_active_leaf FOREIGN KEY (id, active_leaf_id)
    REFERENCES messages (conversation_id, id) ON DELETE SET NULL (active_leaf_id);
