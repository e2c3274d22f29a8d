//! The languages, each a table.

// The lists of words are easier to read as running lines than one word to a line.
#[rustfmt::skip]
mod compiled;
#[rustfmt::skip]
mod data;
#[rustfmt::skip]
mod scripts;

use super::Language;

pub(super) use data::CSS;
pub(super) use scripts::JAVASCRIPT;

/// Every language, in no order.
pub(super) static ALL: &[&Language] = &[
    &compiled::C,
    &compiled::CPP,
    &compiled::CSHARP,
    &compiled::DART,
    &compiled::GO,
    &compiled::JAVA,
    &compiled::KOTLIN,
    &compiled::RUST,
    &compiled::SWIFT,
    &data::DIFF,
    &data::DOCKERFILE,
    &data::HTML,
    &data::JSON,
    &data::MARKDOWN,
    &data::STYLES,
    &data::TOML,
    &data::XML,
    &data::YAML,
    &scripts::JS,
    &scripts::LUA,
    &scripts::PHP,
    &scripts::POWERSHELL,
    &scripts::PYTHON,
    &scripts::RUBY,
    &scripts::SHELL,
    &scripts::SQL,
    &scripts::TS,
];
