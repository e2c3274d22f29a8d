ALTER TABLE conversations DROP CONSTRAINT conversations_active_leaf;
DROP TABLE messages;
DROP TABLE conversations;
