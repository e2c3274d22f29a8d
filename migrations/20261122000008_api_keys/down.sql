DELETE FROM login_throttle WHERE scope = 'key';
ALTER TABLE login_throttle
    DROP CONSTRAINT login_throttle_scope_check,
    ADD CONSTRAINT login_throttle_scope_check CHECK (scope IN ('address', 'account'));
DROP TABLE api_keys;
