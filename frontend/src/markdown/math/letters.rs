//! Letters in other hands: bold, double-struck, script. Unicode has them as signs of their own.

/// `text` as `\command{text}` writes it; nothing for a command that changes no letters.
pub(super) fn styled(command: &str, text: &str) -> Option<String> {
    let style: fn(char) -> char = match command {
        "mathbf" | "boldsymbol" | "bm" | "textbf" => bold,
        "mathbb" => double_struck,
        "mathcal" | "mathscr" => script,
        _ => return None,
    };
    Some(text.chars().map(style).collect())
}

/// The letter as far from `upper`, `lower` or `digit` as `letter` from A, a or 0.
fn shifted(letter: char, upper: u32, lower: u32, digit: Option<u32>) -> char {
    let (first, base) = match letter {
        'A'..='Z' => ('A', Some(upper)),
        'a'..='z' => ('a', Some(lower)),
        '0'..='9' => ('0', digit),
        _ => return letter,
    };
    base.and_then(|base| char::from_u32(base + u32::from(letter) - u32::from(first))).unwrap_or(letter)
}

fn bold(letter: char) -> char {
    shifted(letter, 0x1D400, 0x1D41A, Some(0x1D7CE))
}

fn double_struck(letter: char) -> char {
    match letter {
        'C' => 'ℂ',
        'H' => 'ℍ',
        'N' => 'ℕ',
        'P' => 'ℙ',
        'Q' => 'ℚ',
        'R' => 'ℝ',
        'Z' => 'ℤ',
        _ => shifted(letter, 0x1D538, 0x1D552, Some(0x1D7D8)),
    }
}

fn script(letter: char) -> char {
    match letter {
        'B' => 'ℬ',
        'E' => 'ℰ',
        'F' => 'ℱ',
        'H' => 'ℋ',
        'I' => 'ℐ',
        'L' => 'ℒ',
        'M' => 'ℳ',
        'R' => 'ℛ',
        'e' => 'ℯ',
        'g' => 'ℊ',
        'o' => 'ℴ',
        _ => shifted(letter, 0x1D49C, 0x1D4B6, None),
    }
}
