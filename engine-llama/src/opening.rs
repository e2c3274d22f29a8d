//! How many tokens of a prompt come before any word of a user.
//!
//! [`crate::prompt`] asks, for each conversation. What a template writes before the first message that is not an
//! instruction is found by rendering the instructions with two different messages behind them: it is what both begin with.
//! So it never depends on what a user wrote, and holds for every template.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use engine::{Chat, ChatMessage, ChatRole, Token};

/// Instructions whose tokens are remembered: those of the conversations that go on at the moment.
const REMEMBERED: usize = 32;
/// Two messages that have nothing in common, not even their first token.
const MESSAGES: [&str; 2] = ["Hello", "{0}"];

/// The openings of the last conversations.
#[derive(Debug, Default)]
pub struct Openings {
    known: Mutex<VecDeque<Opening>>,
}

#[derive(Debug)]
struct Opening {
    /// Nothing but the instructions and the tools.
    instructions: Chat,
    tokens: Vec<Token>,
}

impl Openings {
    /// How many of the `tokens` of `chat` come before any word of a user. `read` makes the tokens of a conversation.
    pub fn shared(&self, chat: &Chat, tokens: &[Token], read: impl Fn(&Chat) -> Option<Vec<Token>>) -> u32 {
        let instructions = instructions(chat);
        if instructions.messages.len() == chat.messages.len() {
            return 0;
        }
        if let Some((shared, true)) = self.remembered(&instructions, tokens) {
            return shared;
        }
        // Some templates write the date: yesterday's opening is another one.
        let opening = opening(&instructions, read).unwrap_or_default();
        let shared = common(&opening, tokens);
        self.remember(Opening { instructions, tokens: opening });
        shared
    }

    /// How many of the tokens are those of a remembered opening, and whether that are all of it.
    fn remembered(&self, instructions: &Chat, tokens: &[Token]) -> Option<(u32, bool)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let opening = known.iter().find(|opening| opening.instructions == *instructions)?;
        let shared = common(&opening.tokens, tokens);
        Some((shared, shared as usize == opening.tokens.len()))
    }

    fn remember(&self, opening: Opening) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|other| other.instructions != opening.instructions);
        known.push_front(opening);
        known.truncate(REMEMBERED);
    }
}

fn instructions(chat: &Chat) -> Chat {
    let leading = chat.messages.iter().take_while(|message| message.role == ChatRole::System);
    Chat { messages: leading.cloned().collect(), ..chat.clone() }
}

fn opening(instructions: &Chat, read: impl Fn(&Chat) -> Option<Vec<Token>>) -> Option<Vec<Token>> {
    let [one, other] = MESSAGES.map(|message| {
        let mut chat = instructions.clone();
        chat.messages.push(ChatMessage::new(ChatRole::User, message));
        read(&chat)
    });
    let mut opening = one?;
    opening.truncate(common(&opening, &other?) as usize);
    Some(opening)
}

fn common(a: &[Token], b: &[Token]) -> u32 {
    a.iter().zip(b).take_while(|(a, b)| a == b).count() as u32
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A token for each byte, with the role before.
    fn read(chat: &Chat) -> Option<Vec<Token>> {
        let message = |message: &ChatMessage| {
            let role = 1_000 + message.role as Token;
            std::iter::once(role).chain(message.content.bytes().map(Token::from)).collect::<Vec<_>>()
        };
        Some(chat.messages.iter().flat_map(message).collect())
    }

    fn chat(texts: &[(ChatRole, &str)]) -> Chat {
        texts.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect::<Vec<_>>().into()
    }

    fn shared(openings: &Openings, chat: &Chat) -> u32 {
        openings.shared(chat, &read(chat).unwrap(), read)
    }

    #[test]
    fn instructions_are_shared_and_nothing_behind_them() {
        use ChatRole::{Assistant, System, User};
        let openings = Openings::default();
        let of = |texts: &[(ChatRole, &str)]| shared(&openings, &chat(texts));
        assert_eq!(of(&[(System, "Be kind."), (User, "Hello there")]), 10, "and not the greeting");
        assert_eq!(of(&[(System, "Be kind."), (User, "{0}"), (Assistant, "?"), (User, "Hi")]), 10);
        assert_eq!(of(&[(System, "Be kind."), (System, "Be brief."), (User, "Hi")]), 20);
        assert_eq!(of(&[(User, "Hi")]), 1);
        assert_eq!(of(&[(System, "Be kind.")]), 0, "there is nobody to share it with");
    }

    #[test]
    fn an_opening_is_looked_for_once_and_again_when_it_has_changed() {
        let openings = Openings::default();
        let (day, reads) = (Cell::new(1), Cell::new(0));
        let read = |chat: &Chat| {
            reads.set(reads.get() + 1);
            let mut tokens = vec![2_000 + day.get()];
            tokens.extend(read(chat)?);
            Some(tokens)
        };
        let of = |text: &str| {
            let chat = chat(&[(ChatRole::System, "Be kind."), (ChatRole::User, text)]);
            let tokens = read(&chat).unwrap();
            reads.set(0);
            (openings.shared(&chat, &tokens, read), reads.get())
        };
        assert_eq!(of("Why?"), (11, 2));
        assert_eq!(of("How?"), (11, 0));
        day.set(2);
        assert_eq!(of("When?"), (11, 2));
        assert_eq!(of("Where?"), (11, 0));
    }

    #[test]
    fn where_the_template_refuses_nothing_is_shared() {
        let chat = chat(&[(ChatRole::System, "Be kind."), (ChatRole::User, "Hi")]);
        assert_eq!(Openings::default().shared(&chat, &read(&chat).unwrap(), |_| None), 0);
    }
}
