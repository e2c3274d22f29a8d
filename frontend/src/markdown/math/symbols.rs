//! The names of signs.

/// What a named sign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter.
    Letter,
    /// A sign between parts.
    Sign,
    /// A sign with bounds.
    Large,
}

/// The sign that `\name` writes.
pub(super) fn symbol(name: &str) -> Option<(&'static str, Class)> {
    let find = |table: &[(&str, &'static str)], class| {
        let place = table.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        table.get(place).map(|(_, sign)| (*sign, class))
    };
    find(LETTERS, Class::Letter).or_else(|| find(SIGNS, Class::Sign)).or_else(|| find(LARGE, Class::Large))
}

/// Whether `\name` is a function that is written upright, and whether its bounds stand below it.
pub(super) fn function(name: &str) -> Option<bool> {
    let bounded = ["argmax", "argmin", "inf", "lim", "liminf", "limsup", "max", "min", "sup"];
    if bounded.contains(&name) {
        return Some(true);
    }
    FUNCTIONS.binary_search(&name).ok().map(|_| false)
}

const FUNCTIONS: &[&str] = &[
    "Pr", "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim",
    "exp", "gcd", "hom", "ker", "lg", "ln", "log", "sec", "sin", "sinh", "tan", "tanh",
];

#[rustfmt::skip]
const LETTERS: &[(&str, &str)] = &[
    ("Delta", "Δ"), ("Gamma", "Γ"), ("Im", "ℑ"), ("Lambda", "Λ"), ("Omega", "Ω"), ("Phi", "Φ"), ("Pi", "Π"),
    ("Psi", "Ψ"), ("Re", "ℜ"), ("Sigma", "Σ"), ("Theta", "Θ"), ("Upsilon", "Υ"), ("Xi", "Ξ"), ("aleph", "ℵ"),
    ("alpha", "α"), ("beta", "β"), ("chi", "χ"), ("delta", "δ"), ("ell", "ℓ"), ("emptyset", "∅"),
    ("epsilon", "ϵ"), ("eta", "η"), ("gamma", "γ"), ("hbar", "ℏ"), ("infty", "∞"), ("iota", "ι"), ("kappa", "κ"),
    ("lambda", "λ"), ("mu", "μ"), ("nabla", "∇"), ("nu", "ν"), ("omega", "ω"), ("partial", "∂"), ("phi", "ϕ"),
    ("pi", "π"), ("psi", "ψ"), ("rho", "ρ"), ("sigma", "σ"), ("tau", "τ"), ("theta", "θ"), ("upsilon", "υ"),
    ("varepsilon", "ε"), ("varnothing", "∅"), ("varphi", "φ"), ("varrho", "ϱ"), ("varsigma", "ς"),
    ("vartheta", "ϑ"), ("xi", "ξ"), ("zeta", "ζ"),
];

#[rustfmt::skip]
const SIGNS: &[(&str, &str)] = &[
    ("Leftarrow", "⇐"), ("Leftrightarrow", "⇔"), ("Longleftrightarrow", "⟺"), ("Longrightarrow", "⟹"),
    ("Rightarrow", "⇒"), ("angle", "∠"), ("approx", "≈"), ("ast", "∗"), ("backslash", "\\"), ("bullet", "∙"),
    ("cap", "∩"), ("cdot", "⋅"), ("cdots", "⋯"), ("circ", "∘"), ("colon", ":"), ("cong", "≅"), ("cup", "∪"),
    ("dagger", "†"), ("ddots", "⋱"), ("div", "÷"), ("dots", "…"), ("downarrow", "↓"), ("equiv", "≡"),
    ("exists", "∃"), ("forall", "∀"), ("ge", "≥"), ("geq", "≥"), ("gets", "←"), ("gg", "≫"),
    ("iff", "⟺"), ("implies", "⟹"), ("in", "∈"), ("land", "∧"), ("langle", "⟨"), ("lceil", "⌈"), ("ldots", "…"),
    ("le", "≤"), ("leftarrow", "←"), ("leftrightarrow", "↔"), ("leq", "≤"), ("lfloor", "⌊"), ("ll", "≪"),
    ("lnot", "¬"), ("longrightarrow", "⟶"), ("lor", "∨"), ("lvert", "|"), ("mapsto", "↦"), ("mid", "∣"),
    ("models", "⊨"), ("mp", "∓"), ("ne", "≠"), ("neg", "¬"), ("neq", "≠"), ("notin", "∉"), ("odot", "⊙"),
    ("ominus", "⊖"), ("oplus", "⊕"), ("otimes", "⊗"), ("parallel", "∥"), ("perp", "⊥"), ("pm", "±"),
    ("prime", "′"), ("propto", "∝"), ("rangle", "⟩"), ("rceil", "⌉"), ("rfloor", "⌋"), ("rightarrow", "→"),
    ("rvert", "|"), ("setminus", "∖"), ("sim", "∼"), ("simeq", "≃"), ("star", "⋆"), ("subset", "⊂"),
    ("subseteq", "⊆"), ("supset", "⊃"), ("supseteq", "⊇"), ("therefore", "∴"), ("times", "×"), ("to", "→"),
    ("top", "⊤"), ("triangle", "△"), ("uparrow", "↑"), ("vdash", "⊢"), ("vdots", "⋮"), ("vee", "∨"),
    ("vert", "|"), ("wedge", "∧"),
];

#[rustfmt::skip]
const LARGE: &[(&str, &str)] = &[
    ("bigcap", "⋂"), ("bigcup", "⋃"), ("bigoplus", "⨁"), ("bigotimes", "⨂"), ("bigvee", "⋁"), ("bigwedge", "⋀"),
    ("coprod", "∐"), ("iiint", "∭"), ("iint", "∬"), ("int", "∫"), ("oint", "∮"), ("prod", "∏"), ("sum", "∑"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_sorted() {
        for table in [LETTERS, SIGNS, LARGE] {
            assert!(table.is_sorted_by_key(|(name, _)| *name));
        }
        assert!(FUNCTIONS.is_sorted());
    }
}
