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
        mounted.settled().await;
        mounted
    }

    /// Gives it other properties and waits until they are shown.
    pub async fn update(&mut self, properties: C::Properties) {
        self.handle.as_mut().unwrap().update(properties);
        self.settled().await;
    }

    /// Until nothing changes any more: on a busy machine Yew draws in several turns.
    async fn settled(&self) {
        let mut before = None;
        while before.as_ref() != Some(&self.root.inner_html()) {
            before = Some(self.root.inner_html());
            turn().await;
        }
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

/// A turn of the event loop, after those that were asked for before it.
async fn turn() {
    let promise = Promise::new(&mut |resolve, _| {
        web_sys::window().unwrap().set_timeout_with_callback(&resolve).unwrap();
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

/// Something that a test has put in the place of a function of the browser. Until it is dropped.
pub struct Replaced {
    place: &'static str,
    before: JsValue,
}

impl Replaced {
    fn new(place: &'static str, now: &str) -> Self {
        let before = script(&format!("return {place};"));
        script(&format!("const before = {place}; {place} = {now};"));
        Self { place, before }
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let put_back = Function::new_with_args("before", &format!("{} = before;", self.place));
        put_back.call1(&JsValue::NULL, &self.before).unwrap();
    }
}

/// A machine so busy that Yew lets the browser paint wherever it may, which it does when 16 ms have gone by: each look at
/// the clock takes longer.
pub fn busy_machine() -> Replaced {
    Replaced::new("Date.now", "((ahead) => () => before.call(Date) + (ahead += 20))(0)")
}

/// A line on which nothing is answered, so that a test alone says what is heard. When it is dropped every request fails.
pub struct SilentLine {
    _fetch: Replaced,
}

impl SilentLine {
    pub fn new() -> Self {
        let silent = "() => new Promise((_, reject) => addEventListener('line-ends', () => reject(new TypeError('the line is gone')), { once: true }))";
        Self { _fetch: Replaced::new("globalThis.fetch", silent) }
    }
}

impl Drop for SilentLine {
    fn drop(&mut self) {
        script("dispatchEvent(new Event('line-ends'))");
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
