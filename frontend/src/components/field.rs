//! One line of a form: name, input, help or what is wrong.

use stylist::css;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: grid;
    gap: var(--space-1);

    label {
        font-size: var(--text-s);
        font-weight: 550;
    }
    input {
        width: 100%;
        min-height: 2.75rem;
        padding: 0 var(--space-3);
        border: 1px solid var(--border-strong);
        border-radius: var(--radius-m);
        font: inherit;
        font-size: 1rem;
        color: var(--text);
        background: var(--background);
        transition: border-color var(--fast);
    }
    input:hover {
        border-color: var(--muted);
    }
    input[aria-invalid="true"] {
        border-color: var(--danger);
    }
    p {
        margin: 0;
        font-size: var(--text-s);
        color: var(--muted);
    }
    p.wrong {
        color: var(--danger);
    }
"#)));

/// Props of a field.
#[derive(Properties, PartialEq)]
pub struct FieldProps {
    /// The name in the form, and of the element.
    pub name: AttrValue,
    /// The name for people.
    pub label: AttrValue,
    /// The kind of input.
    #[prop_or(AttrValue::Static("text"))]
    pub kind: AttrValue,
    /// What a password manager may fill in.
    #[prop_or_default]
    pub autocomplete: AttrValue,
    /// The text.
    pub value: AttrValue,
    /// Help.
    #[prop_or_default]
    pub help: Option<AttrValue>,
    /// What is wrong.
    #[prop_or_default]
    pub wrong: Option<AttrValue>,
    /// Where the cursor is when the page opens.
    #[prop_or_default]
    pub autofocus: bool,
    /// The text has changed.
    pub oninput: Callback<String>,
}

/// One line of a form.
#[component]
pub fn Field(props: &FieldProps) -> Html {
    let input = use_node_ref();
    {
        let input = input.clone();
        use_effect_with(props.autofocus, move |autofocus| {
            if let Some(input) = input.cast::<HtmlInputElement>().filter(|_| *autofocus) {
                // A page that cannot take the focus is still usable.
                drop(input.focus());
            }
        });
    }
    let oninput = {
        let changed = props.oninput.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                changed.emit(input.value());
            }
        })
    };
    let note_id = format!("{}-note", props.name);
    let note = props.wrong.as_ref().or(props.help.as_ref());
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <label for={props.name.clone()}>{ &props.label }</label>
            <input ref={input} id={props.name.clone()} name={props.name.clone()} type={props.kind.clone()}
                autocomplete={props.autocomplete.clone()} value={props.value.clone()} {oninput}
                aria-invalid={props.wrong.is_some().then_some("true")}
                aria-describedby={note.is_some().then(|| note_id.clone())}
                autocapitalize="off" spellcheck="false" />
            if let Some(note) = note {
                <p id={note_id} class={props.wrong.is_some().then_some("wrong")}>{ note }</p>
            }
        </div>
    }
}
