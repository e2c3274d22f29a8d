-- How often the model's process died under a generation: the second time ends it. Tries were counted by the epoch
-- already.
ALTER TABLE generations
    ADD COLUMN engine_deaths integer NOT NULL DEFAULT 0 CHECK (engine_deaths >= 0),
    DROP COLUMN attempt;

-- The answer that this one goes on with: its text stands at the beginning of this one's.
ALTER TABLE messages ADD COLUMN continues uuid,
    ADD CONSTRAINT messages_continues FOREIGN KEY (conversation_id, continues)
    REFERENCES messages (conversation_id, id);
