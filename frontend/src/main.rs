//! The program that boot.js starts.

fn main() {
    if let Err(error) = frontend::styles::mount() {
        web_sys::console::error_2(&"the style sheet cannot be mounted".into(), &error);
    }
    yew::Renderer::<frontend::app::App>::new().render();
}
