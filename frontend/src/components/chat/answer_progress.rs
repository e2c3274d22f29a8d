//! What a model does before its first word: waits, loads, reads. As high as a line of text, so that the first word
//! moves nothing.

use shared::LoadStage;
use shared::reducer::Phase;
use stylist::css;
use yew::prelude::*;

use crate::components::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    align-items: center;
    gap: var(--space-3);
    min-height: 1.6rem;
    color: var(--muted);
    font-size: 0.9375rem;
    font-variant-numeric: tabular-nums;

    .dot {
        flex: none;
        width: 0.625rem;
        height: 0.625rem;
        border-radius: 50%;
        background: var(--accent);
        animation: progress-breathes 1.1s ease-in-out infinite alternate;
    }
    .words, progress {
        animation: progress-shows var(--normal) 400ms backwards;
    }
    progress {
        width: 7rem;
        height: 4px;
        border: 0;
        border-radius: 2px;
        overflow: hidden;
        background: var(--raised);
        appearance: none;
    }
    progress::-webkit-progress-bar {
        background: var(--raised);
    }
    progress::-webkit-progress-value {
        background: var(--accent);
        transition: width var(--normal);
    }
    progress::-moz-progress-bar {
        background: var(--accent);
    }
    @keyframes progress-breathes {
        from { opacity: 0.35; transform: scale(0.8); }
    }
    @keyframes progress-shows {
        from { opacity: 0; }
    }
"#)));

/// What a model does before its first word.
pub fn answer_progress(phase: &Phase) -> Html {
    let (words, fraction) = match phase {
        Phase::Queued { place: 0 } => (String::new(), None),
        Phase::Queued { place: 1 } => ("One answer is before yours".into(), None),
        Phase::Queued { place } => (format!("{place} answers are before yours"), None),
        Phase::Loading { stage, fraction } => match stage {
            LoadStage::Opening => ("Opening the model".into(), None),
            LoadStage::Weights => (format!("Loading the model · {}", percent(*fraction)), Some(*fraction)),
            LoadStage::Warming => ("Warming the model up".into(), None),
            LoadStage::Tuning => {
                (format!("Trying out the model on this machine · {}", percent(*fraction)), Some(*fraction))
            }
        },
        Phase::Reading { done, total } => {
            #[allow(clippy::cast_precision_loss, reason = "a share for the eye")]
            let fraction = *done as f32 / (*total).max(1) as f32;
            (format!("Reading the conversation · {}", percent(fraction)), Some(fraction))
        }
        Phase::Writing | Phase::Ended => (String::new(), None),
    };
    html! {
        <div class={SHEET.with(AttrValue::clone)} role="status">
            <span class="dot"></span>
            if words.is_empty() {
                <span class="visually-hidden">{ "Waiting for the answer" }</span>
            } else {
                <span class="words">{ words }</span>
            }
            if let Some(fraction) = fraction {
                <progress max="1" value={fraction.to_string()} aria-hidden="true"></progress>
            }
        </div>
    }
}

fn percent(fraction: f32) -> String {
    format!("{:.0} %", fraction.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_is_told_in_whole_percent() {
        assert_eq!(percent(0.404), "40 %");
        assert_eq!(percent(1.2), "100 %");
    }
}
