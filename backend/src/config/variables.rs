//! The list of all settings: what the server reads, what `.env.example` documents, what a test compares.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The environment variable.
    pub name: &'static str,
    /// Its value where it is not set; empty: no value, or one that is found out (the description says how).
    pub default: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

const fn variable(name: &'static str, default: &'static str, doc: &'static str) -> Variable {
    Variable { name, default, doc, secret: false }
}

const fn secret(name: &'static str, doc: &'static str) -> Variable {
    Variable { name, default: "", doc, secret: true }
}

/// Every setting, in the order in which people meet them. An empty value counts as not set.
pub const VARIABLES: &[Variable] = &[
    variable(
        "PUBLIC_URL",
        "http://localhost:8080",
        "The address that people type. With https the sign-in cookie is only sent over TLS.",
    ),
    variable(
        "API_URL",
        "",
        "The API's address as the page reaches it, where it is not PUBLIC_URL. Empty: the same origin as the page.",
    ),
    variable(
        "LISTEN_ADDR",
        "127.0.0.1:8081",
        "Where the server listens: address and port. nginx stands in front of it.",
    ),
    variable(
        "TRUSTED_PROXY",
        "loopback",
        "Whose X-Forwarded-For is believed: `loopback` (nginx on this machine) or `private` (nginx in another container).",
    ),
    variable(
        "REGISTRATION",
        "closed",
        "Who may make an account after the first one: `closed` (nobody), `invite` (whoever has an invitation from `oriel user invite`) or `open` (everybody).",
    ),
    variable(
        "MODEL_PATH",
        "",
        "A GGUF file, or a directory with GGUF files. Empty: the directory `models` in DATA_DIR.",
    ),
    variable(
        "DATA_DIR",
        "",
        "Where Oriel keeps its secret key and its private database. Empty: /var/lib/oriel for root, else ~/.local/share/oriel.",
    ),
    secret(
        "DATABASE_URL",
        "postgres://user:password@host:port/database. Empty: Oriel runs a private PostgreSQL in DATA_DIR.",
    ),
    variable(
        "DATABASE_CONNECTIONS",
        "12",
        "Most connections of the pool to the database, 4 to 500. Each server takes 4 more; PostgreSQL itself grants 97 by default.",
    ),
    variable(
        "DATABASE_PATIENCE_S",
        "60",
        "Seconds that a request waits while the database is away, 0 to 60: an outage of a minute is a pause and no error. nginx waits 75.",
    ),
    variable("ENGINE_PATH", "", "The program `oriel-engine`. Empty: beside the program `oriel`."),
    variable(
        "SLOTS",
        "4",
        "Answers that one model writes at the same time, 1 to 1024. Each takes memory for its context.",
    ),
    variable(
        "CONTEXT_TOKENS",
        "",
        "Tokens that one conversation may have, 256 to 1048576. Empty: what the model was trained for, 8192 at most.",
    ),
    variable("THREADS", "", "Threads that a model computes with, 1 to 512. Empty: one for each core."),
    variable(
        "QUEUE_CAPACITY",
        "64",
        "Requests that may wait for a slot, 1 to 10000. One more is answered with `overloaded`.",
    ),
    variable(
        "IDLE_UNLOAD_S",
        "0",
        "Seconds without a request after which a model leaves the memory. 0: never.",
    ),
    variable(
        "MEMORY_BUDGET_MIB",
        "",
        "MiB that all loaded models may take together. Empty: three quarters of the memory of the machine or the container.",
    ),
    variable(
        "STATES_MEMORY_MIB",
        "",
        "MiB of memory in which each model keeps what it has read of conversations that have no slot. 0: none. Empty: as much as its slots hold, at most an eighth of MEMORY_BUDGET_MIB.",
    ),
    variable(
        "STATES_DISK_MIB",
        "4096",
        "MiB in DATA_DIR in which all models together keep what they have read, beyond a restart. 0: none.",
    ),
    variable(
        "STATES_MAX_AGE_DAYS",
        "7",
        "Days after which what nobody came back to is deleted there, 1 to 365. What belonged to a deleted conversation or \
         account is gone by then too.",
    ),
    secret(
        "SECRET_KEY",
        "At least 32 characters from which all keys are derived. Empty: made on the first start and kept in DATA_DIR. With several servers, the same for all.",
    ),
    variable(
        "BCRYPT_COST",
        "",
        "Work for one password hash, 10 to 16. Empty: measured so that a hash takes about 250 ms.",
    ),
    variable(
        "LOG_LEVEL",
        "info",
        "`error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,store=debug`.",
    ),
    variable("LOG_FORMAT", "text", "`text` for people, `json` for programs."),
];
