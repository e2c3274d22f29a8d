use frontend::components::chat::code_block::{CodeBlock, CodeBlockProps};
use frontend::styles;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Node;
use yew::AttrValue;

use super::page::{Mounted, clipboard_text, document, script, until};

fn properties(code: &str, language: &str) -> CodeBlockProps {
    CodeBlockProps {
        code: AttrValue::from(code.to_owned()),
        language: Some(AttrValue::from(language.to_owned())),
    }
}

#[wasm_bindgen_test]
async fn renders_the_code_and_its_language() {
    let code = "fn main() {\n    println!(\"<b>hi</b>\");\n}\n";
    let block = Mounted::<CodeBlock>::new(properties(code, "rust")).await;
    assert_eq!(block.one(".code-language").text_content().unwrap(), "Rust");
    assert_eq!(block.one("pre > code").text_content().unwrap(), code);
    assert_eq!(block.one(".hl-keyword").text_content().unwrap(), "fn");
    assert_eq!(block.one(".hl-string").text_content().unwrap(), "\"<b>hi</b>\"");
}

#[wasm_bindgen_test]
async fn an_unknown_language_is_shown_by_its_name_and_without_colours() {
    let block = Mounted::<CodeBlock>::new(properties("PRINT 1", "cobol")).await;
    assert_eq!(block.one(".code-language").text_content().unwrap(), "cobol");
    assert!(block.all("[class^=hl-]").is_empty());
}

#[wasm_bindgen_test]
async fn the_button_copies_the_code_to_the_clipboard_and_says_so() {
    let block = Mounted::<CodeBlock>::new(properties("cargo run\n", "sh")).await;
    let status = block.one("[role=status]");
    assert_eq!(status.text_content().unwrap(), "");
    block.one("button.copy").click();
    until("the button says what it did", || status.text_content().unwrap() == "Copied").await;
    assert_eq!(clipboard_text().await, "cargo run", "without the last line end");
}

/// Browsers copy a selection only for a person's click, which a test cannot give. So the last step, the browser's
/// own, is watched: the text that is selected and has the focus when the command comes is what it would copy.
/// The journey over plain http has a real click.
const WATCH_COPYING: &str = "
    Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true });
    document.execCommand = command => {
        const field = document.activeElement;
        window.copied = command + ':' + field.value.slice(field.selectionStart, field.selectionEnd);
        return true;
    };";

const WATCH_NO_MORE: &str = "delete navigator.clipboard; delete document.execCommand; return window.copied";

#[wasm_bindgen_test]
async fn over_plain_http_the_code_is_copied_by_selection() {
    let code = "let\ta = 1;\n\n  let b = 2;";
    let block = Mounted::<CodeBlock>::new(properties(code, "rust")).await;
    script(WATCH_COPYING);
    let button = block.one("button.copy");
    button.focus().unwrap();
    button.click();
    let status = block.one("[role=status]");
    until("the button says what it did", || status.text_content().unwrap() != "").await;
    let copied = script(WATCH_NO_MORE).as_string().unwrap();
    assert_eq!(copied, format!("copy:{code}"));
    assert_eq!(status.text_content().unwrap(), "Copied");
    assert!(document().query_selector("body > textarea").unwrap().is_none(), "the field is gone");
    let focused = document().active_element().unwrap();
    assert!(focused.is_same_node(Some(&button)), "the focus is back on the button");
}

#[wasm_bindgen_test]
async fn when_the_browser_refuses_the_block_says_what_to_do() {
    let block = Mounted::<CodeBlock>::new(properties("x", "rust")).await;
    // No person clicked, so the browser itself refuses to copy a selection.
    script("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })");
    block.one("button.copy").click();
    let status = block.one("[role=status]");
    until("the block says so", || status.text_content().unwrap().contains("Ctrl+C")).await;
    script("delete navigator.clipboard");
}

#[wasm_bindgen_test]
async fn long_lines_can_be_wrapped() {
    styles::mount().unwrap();
    let block = Mounted::<CodeBlock>::new(properties(&"word ".repeat(500), "text")).await;
    let scrolls = || block.one("pre").scroll_width() > block.one("pre").client_width();
    assert!(scrolls());
    let wrap = block.one("button[aria-pressed]");
    wrap.click();
    until("the lines are wrapped", || !scrolls()).await;
    assert_eq!(wrap.get_attribute("aria-pressed").unwrap(), "true");
}

#[wasm_bindgen_test]
async fn growing_code_keeps_its_complete_lines() {
    let code: String = (0..40).map(|line| format!("let x{line} = {line}; // line\n")).collect();
    let mut block = Mounted::<CodeBlock>::new(properties(&code, "rust")).await;
    let first = block.all(".code-piece").remove(0);
    let nodes: Vec<Node> =
        (0..first.child_nodes().length()).filter_map(|at| first.child_nodes().item(at)).collect();
    block.update(properties(&(code.clone() + "let more"), "rust")).await;
    assert!(block.text().contains("let more"));
    let same = block.all(".code-piece").remove(0);
    assert!(first.is_same_node(Some(&same)));
    for (at, node) in (0..).zip(&nodes) {
        assert!(node.is_same_node(same.child_nodes().item(at).as_ref()), "node {at} was made anew");
    }
}

#[wasm_bindgen_test]
async fn selected_code_has_every_line_end_once() {
    styles::mount().unwrap();
    let code: String = (0..40).map(|line| format!("line {line}\n\n")).collect();
    let block = Mounted::<CodeBlock>::new(properties(&code, "rust")).await;
    let selection = web_sys::window().unwrap().get_selection().unwrap().unwrap();
    selection.select_all_children(&block.one("pre > code")).unwrap();
    assert_eq!(String::from(selection.to_string()).trim_end(), code.trim_end());
    selection.remove_all_ranges().unwrap();
}
