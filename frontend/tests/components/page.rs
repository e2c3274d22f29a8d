//! A place on the page for one component, and ways to wait for what it does.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, Element, HtmlElement};
use yew::AppHandle;
use yew::html::BaseComponent;

/// Frames to wait for something before the test fails: some seconds even on a busy machine.
const PATIENCE_FRAMES: usize = 600;

pub fn document() -> Document {
    web_sys::window().unwrap().document().unwrap()
}

/// A component on the page; gone when dropped.
pub struct Mounted<C: BaseComponent> {
    pub root: Element,
    handle: Option<AppHandle<C>>,
}

impl<C: BaseComponent<Properties: Clone>> Mounted<C> {
    /// Shows `C` and waits until it is there.
    pub async fn new(properties: C::Properties) -> Self {
        let root = document().create_element("div").unwrap();
        document().body().unwrap().append_child(&root).unwrap();
        let handle = yew::Renderer::<C>::with_root_and_props(root.clone(), properties).render();
        let mounted = Self { root, handle: Some(handle) };
        frame().await;
        mounted
    }

    /// Gives it other properties and waits until they are shown.
    pub async fn update(&mut self, properties: C::Properties) {
        self.handle.as_mut().unwrap().update(properties);
        task().await;
    }

    pub fn all(&self, selector: &str) -> Vec<HtmlElement> {
        let found = self.root.query_selector_all(selector).unwrap();
        (0..found.length()).map(|index| found.item(index).unwrap().unchecked_into()).collect()
    }

    #[track_caller]
    pub fn one(&self, selector: &str) -> HtmlElement {
        let found = self.all(selector);
        assert_eq!(found.len(), 1, "{selector} in {}", self.root.inner_html());
        found.into_iter().next().unwrap()
    }

    pub fn text(&self) -> String {
        self.root.text_content().unwrap_or_default()
    }
}

impl<C: BaseComponent> Drop for Mounted<C> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.destroy();
        }
        self.root.remove();
    }
}

/// The next frame.
pub async fn frame() {
    let promise = Promise::new(&mut |resolve, _| {
        web_sys::window().unwrap().request_animation_frame(&resolve).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

/// The end of what is under way: Yew renders in micro-tasks, a message comes after all of them.
async fn task() {
    let promise = Promise::new(&mut |resolve, _| {
        let channel = web_sys::MessageChannel::new().unwrap();
        channel.port1().set_onmessage(Some(&resolve));
        channel.port2().post_message(&JsValue::NULL).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

/// Waits until `holds`, frame by frame.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..PATIENCE_FRAMES {
        if holds() {
            return;
        }
        frame().await;
    }
    panic!("waited in vain: {what}");
}

/// What is on the clipboard.
pub async fn clipboard_text() -> String {
    let clipboard = web_sys::window().unwrap().navigator().clipboard();
    JsFuture::from(clipboard.read_text()).await.unwrap().as_string().unwrap()
}

/// Evaluates a piece of script: for what a test must do to the browser itself.
pub fn script(code: &str) -> JsValue {
    Function::new_no_args(code).call0(&JsValue::NULL).unwrap()
}

/// A machine so busy that Yew lets the browser paint between drawing a component and running its effects, which it does
/// when 16 ms have gone by: each look at the clock takes longer. Until it is dropped.
pub struct BusyMachine;

impl BusyMachine {
    pub fn new() -> Self {
        script(
            "const now = globalThis.realNow = Date.now;
             let ahead = 0;
             Date.now = () => now() + (ahead += 20);",
        );
        Self
    }
}

impl Drop for BusyMachine {
    fn drop(&mut self) {
        script("Date.now = globalThis.realNow;");
    }
}

/// Every text that was shown in the place of `selector`, change by change and not frame by frame.
pub struct Seen(Array);

impl Seen {
    pub fn new(root: &Element, selector: &str) -> Self {
        let watch = Function::new_with_args(
            "root, selector",
            "const seen = [];
             const look = () => seen.push(root.querySelector(selector)?.textContent ?? '');
             new MutationObserver(look).observe(root, { subtree: true, childList: true, characterData: true });
             look();
             return seen;",
        );
        Self(watch.call2(&JsValue::NULL, root, &selector.into()).unwrap().unchecked_into())
    }

    /// The texts, each once in a row.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.0.iter().filter_map(|text| text.as_string()).collect();
        texts.dedup();
        texts
    }

    /// No text that was seen was ever taken back.
    #[track_caller]
    pub fn must_only_have_grown(&self) {
        let texts = self.texts();
        assert!(texts.windows(2).all(|pair| pair[1].starts_with(&pair[0])), "{texts:?}");
    }
}
