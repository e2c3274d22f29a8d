ALTER TABLE messages DROP COLUMN continues;
ALTER TABLE generations
    ADD COLUMN attempt integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
    DROP COLUMN engine_deaths;
