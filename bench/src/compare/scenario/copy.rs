//! An answer that repeats a program, as it is or with a changed name: most of it can be guessed from the prompt. The
//! conversation has repeated it once already, without which small models write something of their own.

use super::{Round, Taken, full};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

const FUNCTIONS: usize = 6;
/// Less than the program has.
const ANSWER_TOKENS: u32 = 224;
/// Of the lines of an answer so many must stand in the program, or it is no copy. A small model changes some.
const COPIED: f64 = 1.0 / 3.0;

pub(super) async fn take(round: &Round<'_>, edit: bool) -> Result<Taken, Failure> {
    let program = round.writer(if edit { "edit" } else { "copy" }).program(FUNCTIONS);
    let code = format!("```python\n{program}```");
    let again = "Write it again, exactly as it is.";
    let wish = if edit { "Now write it again with the name `result` instead of `total`." } else { again };
    let turns = vec![
        Message::user(format!("Here is a program.\n\n{code}\n\n{again}")),
        Message::assistant(code),
        Message::user(wish),
    ];
    let heard = round.server.answer(0, turns, ANSWER_TOKENS, Sampling::GREEDY).await?;
    full(&heard, ANSWER_TOKENS)?;
    let edited = program.replace("total", "result");
    let copied = copied(&heard.text, &program).max(copied(&heard.text, &edited));
    if copied < COPIED {
        return Err(Failure::NoCopy { percent: (copied * 100.0).round() as u32 });
    }
    let figure = if edit { Figure::EditSpeed } else { Figure::CopySpeed };
    let speed = heard.tokens_per_second().ok_or(Failure::AllAtOnce)?;
    Ok(Taken { readings: vec![(figure, vec![speed])], usage: None })
}

/// The part of an answer's lines that stand in the program.
fn copied(answer: &str, program: &str) -> f64 {
    let lines: Vec<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let known = lines.iter().filter(|line| program.lines().any(|given| given.trim() == **line)).count();
    known as f64 / lines.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_about_the_program_is_no_copy_of_it() {
        let program = "def a(b):\n    return b\n";
        assert_eq!(copied("```python\ndef a(b):\n  return b\n```", program), 0.5);
        assert_eq!(copied("This program returns b.", program), 0.0);
        assert_eq!(copied("", program), 0.0);
    }
}
