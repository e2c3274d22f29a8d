//! How the page looks.

use stylist::css;
use yew::AttrValue;

use crate::components::sheet;

thread_local!(pub(super) static SHEET: AttrValue = sheet(css!(r#"
    flex: 1;
    min-height: 0;
    overflow-y: auto;
    padding: calc(var(--space-5) + var(--notice, 0rem)) max(var(--space-5), calc((100% - var(--measure)) / 2)) var(--space-7);

    h1 {
        font-size: var(--text-2xl);
        font-weight: 650;
        letter-spacing: -0.02em;
        line-height: var(--line-tight);
    }
    .lead, .none {
        margin-top: var(--space-3);
        color: var(--muted);
    }
    code {
        font-family: var(--font-mono);
        font-size: 0.875em;
        color: var(--text);
        overflow-wrap: anywhere;
    }
    form {
        display: flex;
        flex-wrap: wrap;
        align-items: flex-end;
        gap: var(--space-3);
        margin-top: var(--space-5);
    }
    form > button {
        min-height: 2.75rem;
    }
    form > div {
        flex: 1 1 14rem;
    }
    select {
        min-height: 2.75rem;
        padding: 0 var(--space-3);
        border: 1px solid var(--border-strong);
        border-radius: var(--radius-m);
        font-size: 0.9375rem;
        background: var(--background);
    }
    .made {
        margin-top: var(--space-5);
        padding: var(--space-4);
        border: 1px solid var(--accent);
        border-radius: var(--radius-m);
        background: var(--surface);
    }
    .secret {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: var(--space-3);
        margin-top: var(--space-2);
    }
    ul {
        margin-top: var(--space-5);
        list-style: none;
    }
    li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-2) var(--space-4);
        padding: var(--space-3) 0;
        border-top: 1px solid var(--border);
    }
    .what {
        display: flex;
        flex: 1 1 12rem;
        flex-wrap: wrap;
        gap: 0 var(--space-3);
        align-items: baseline;
        min-width: 0;
    }
    .name {
        font-weight: 550;
        overflow-wrap: anywhere;
    }
    .when {
        flex-basis: 100%;
        font-size: var(--text-s);
        color: var(--muted);
    }
    .sure {
        display: flex;
        margin-left: auto;
        gap: var(--space-2);
    }
    .danger button {
        color: var(--danger);
    }
"#)));
