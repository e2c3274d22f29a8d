//! The program that boot.js starts.

fn main() {
    yew::Renderer::<frontend::app::App>::new().render();
}
