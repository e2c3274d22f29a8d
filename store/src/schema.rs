//! The tables as diesel sees them. `schema_matches_the_migrations` in `tests/migrations.rs` compares them
//! with the database.

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Text,
        name -> Text,
        role -> Text,
        password_hash -> Text,
        active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    refresh_tokens (token_sha256) {
        token_sha256 -> Bytea,
        session_id -> Uuid,
        created_at -> Timestamptz,
        rotated_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        user_id -> Uuid,
        name -> Text,
        prefix -> Text,
        key_sha256 -> Bytea,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    conversations (id) {
        id -> Uuid,
        user_id -> Uuid,
        title -> Text,
        model -> Nullable<Text>,
        active_leaf_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    messages (id) {
        id -> Uuid,
        conversation_id -> Uuid,
        parent_id -> Nullable<Uuid>,
        role -> Text,
        content -> Text,
        reasoning -> Text,
        status -> Text,
        model -> Nullable<Text>,
        usage -> Nullable<Jsonb>,
        finish_reason -> Nullable<Text>,
        error -> Nullable<Jsonb>,
        omitted_message_ids -> Array<Uuid>,
        created_at -> Timestamptz,
        continues -> Nullable<Uuid>,
    }
}

diesel::table! {
    replicas (id) {
        id -> Uuid,
        boot_id -> Uuid,
        lease_until -> Timestamptz,
        started_at -> Timestamptz,
    }
}

diesel::table! {
    generations (id) {
        id -> Uuid,
        conversation_id -> Uuid,
        message_id -> Uuid,
        user_id -> Uuid,
        status -> Text,
        owner -> Uuid,
        epoch -> Int4,
        last_seq -> Int4,
        bucket -> Int4,
        request -> Jsonb,
        params -> Nullable<Jsonb>,
        error -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        engine_deaths -> Int4,
    }
}

diesel::table! {
    generation_chunks (bucket, generation_id, seq) {
        bucket -> Int4,
        generation_id -> Uuid,
        seq -> Int4,
        epoch -> Int4,
        byte_offset -> Int4,
        kind -> Text,
        body -> Text,
        tokens -> Array<Int4>,
    }
}

diesel::table! {
    sends (user_id, client_id) {
        user_id -> Uuid,
        client_id -> Uuid,
        body_sha256 -> Bytea,
        conversation_id -> Uuid,
        user_message_id -> Uuid,
        message_id -> Uuid,
        generation_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(messages -> conversations (conversation_id));
diesel::joinable!(generations -> conversations (conversation_id));
diesel::joinable!(generations -> messages (message_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    refresh_tokens,
    api_keys,
    conversations,
    messages,
    generations
);
