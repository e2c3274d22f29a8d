//! Components in a real browser. `cargo xtask test components` runs them; see `webdriver.json` for the browser.

#![cfg(target_family = "wasm")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly; clippy does not know the tests of a browser as such"
)]

use wasm_bindgen_test::wasm_bindgen_test_configure;

#[path = "components/answers.rs"]
mod answers;
#[path = "components/chat.rs"]
mod chat;
#[path = "components/code_block.rs"]
mod code_block;
#[path = "components/ids.rs"]
mod ids;
#[path = "components/leaving.rs"]
mod leaving;
#[path = "components/markdown.rs"]
mod markdown;
#[path = "components/page.rs"]
mod page;
#[path = "components/signed_in.rs"]
mod signed_in;
#[path = "components/theme.rs"]
mod theme;

wasm_bindgen_test_configure!(run_in_browser);
