//! Texts of a wanted length that no server has seen before: both get the same ones, every round gets others.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Words that most vocabularies have as one token with the space before them.
const WORDS: [&str; 96] = [
    "water", "house", "light", "river", "stone", "garden", "market", "winter", "letter", "window", "table",
    "paper", "green", "heavy", "small", "early", "quiet", "bright", "narrow", "simple", "strong", "gentle",
    "broken", "hidden", "walks", "turns", "keeps", "finds", "holds", "brings", "moves", "opens", "crosses",
    "follows", "carries", "builds", "under", "over", "behind", "between", "against", "before", "after",
    "around", "through", "beyond", "near", "along", "teacher", "doctor", "farmer", "captain", "painter",
    "writer", "driver", "soldier", "sister", "brother", "friend", "child", "mountain", "village", "island",
    "forest", "bridge", "harbor", "station", "valley", "street", "corner", "number", "story", "music",
    "silver", "summer", "evening", "morning", "season", "weather", "shadow", "promise", "reason", "answer",
    "question", "moment", "journey", "engine", "machine", "library", "kitchen", "basket", "ladder", "anchor",
    "lantern", "pocket", "mirror",
];

/// Where texts come from: the same seeds give the same texts.
pub struct Writer {
    random: SmallRng,
}

impl Writer {
    /// A writer for one purpose in one round of one run.
    pub fn new(run: u64, round: u32, purpose: &str) -> Self {
        // FNV-1a: near seeds and names give unrelated states.
        let mut seed: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in run.to_le_bytes().into_iter().chain(round.to_le_bytes()).chain(purpose.bytes()) {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self { random: SmallRng::seed_from_u64(seed) }
    }

    /// One word.
    pub fn word(&mut self) -> &'static str {
        WORDS.choose(&mut self.random).copied().unwrap_or("word")
    }

    /// So many words, in lines of twelve.
    pub fn words(&mut self, count: usize) -> String {
        let mut text = String::with_capacity(count * 8);
        for number in 0..count {
            text.push_str(if number == 0 {
                ""
            } else if number % 12 == 0 {
                ".\n"
            } else {
                " "
            });
            text.push_str(self.word());
        }
        text
    }

    /// A request for a story, about something else each time.
    pub fn story(&mut self) -> String {
        let words = [self.word(), self.word(), self.word(), self.word(), self.word()];
        let [first, second, third, fourth, fifth] = words;
        format!(
            "Write a very long and detailed story in many chapters about a {first}, a {second}, a {third}, a {fourth} \
             and a {fifth}. Describe every place and every person."
        )
    }

    /// A program of so many functions, as somebody may paste it.
    pub fn program(&mut self, functions: usize) -> String {
        let mut text = String::new();
        for _ in 0..functions {
            let (verb, noun, other) = (self.word(), self.word(), self.word());
            let (factor, limit) = (self.random.random_range(2..90), self.random.random_range(100..900));
            text.push_str(&format!(
                "def {verb}_{noun}({noun}, {other}):\n    total = {noun} * {factor} + {other}\n    if total > {limit}:\n        \
                 return total - {limit}\n    return total\n\n"
            ));
        }
        text
    }
}

/// How many words make a text of so many tokens at these servers.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Tokens of a word.
    tokens_per_word: f64,
    /// Tokens that the chat template adds to a prompt.
    template_tokens: f64,
}

impl Measure {
    /// From what the server counted for two prompts: words and tokens of each.
    pub fn of(short: (usize, u32), long: (usize, u32)) -> Self {
        let tokens_per_word =
            (f64::from(long.1) - f64::from(short.1)) / (long.0 as f64 - short.0 as f64).max(1.0);
        let tokens_per_word = tokens_per_word.max(0.1);
        let template_tokens = f64::from(short.1) - tokens_per_word * short.0 as f64;
        Self { tokens_per_word, template_tokens }
    }

    /// Words for a prompt that has one message and so many tokens.
    pub fn words(&self, prompt_tokens: u32) -> usize {
        ((f64::from(prompt_tokens) - self.template_tokens) / self.tokens_per_word).round().max(1.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_for_both_servers_and_another_in_each_round() {
        let text = |run, round, purpose| Writer::new(run, round, purpose).words(40);
        assert_eq!(text(1, 1, "story"), text(1, 1, "story"));
        let all = [text(1, 1, "story"), text(1, 2, "story"), text(2, 1, "story"), text(1, 1, "copy")];
        for (place, one) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other != one), "{one}");
        }
    }

    #[test]
    fn words_are_counted_by_what_the_server_counts() {
        let measure = Measure::of((100, 150), (300, 410));
        assert_eq!(measure.words(410), 300);
        assert_eq!(measure.words(1), 1);
        assert_eq!(Writer::new(1, 1, "").words(25).split_whitespace().count(), 25);
    }
}
