//! Tables of a model's vocabulary, made once when it is loaded: bytes of tokens, ends of answers, markers.
//!
//! [`crate::decoder`] and [`crate::prompt`] share one. Everything here may be asked from any thread.

use engine::Token;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;

use crate::markers::{Marker, Markers, Piece};
use crate::passages::Passages;

/// So many tokens more or less at the end of a vocabulary are padding: models of one family are padded differently.
const PADDING_MAX: usize = 256;

/// A model's vocabulary.
#[derive(Debug)]
pub struct Vocabulary {
    model: &'static LlamaModel,
    /// The bytes of all tokens, one behind the other…
    bytes: Vec<u8>,
    /// …and where those of each token end.
    ends: Vec<usize>,
    ends_answer: Vec<bool>,
    markers: Markers,
    passages: Passages,
    /// The token that has to stand before any text, where the model wants one.
    bos: Option<Token>,
}

impl Vocabulary {
    /// Makes the tables.
    pub fn new(model: &'static LlamaModel) -> Self {
        let vocab = model.vocab();
        let size = usize::try_from(vocab.n_tokens()).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(size);
        let mut ends_answer = Vec::with_capacity(size);
        let mut markers = Vec::new();
        let mut defined = Vec::new();
        for token in vocab.tokens() {
            // Longer than nearly all tokens; room made by the call itself would be exact and copied each time.
            bytes.reserve(64);
            vocab.token_to_piece_into(token, &mut bytes, false, None);
            ends.push(bytes.len());
            ends_answer.push(vocab.is_eog(token));
            let attributes = vocab.attr(token);
            if attributes.contains(LlamaTokenAttr::Control) || attributes.contains(LlamaTokenAttr::Unknown) {
                let text = vocab.text(token).map(|text| text.to_string_lossy().into_owned());
                let marker = Marker {
                    token: token.0,
                    strips_left: attributes.contains(LlamaTokenAttr::LStrip),
                    strips_right: attributes.contains(LlamaTokenAttr::RStrip),
                };
                markers.extend(text.map(|text| (text, marker)));
            } else if attributes.contains(LlamaTokenAttr::UserDefined) {
                defined.extend(vocab.text(token).map(|text| text.to_string_lossy().into_owned()));
            }
        }
        let bos = Some(vocab.bos().0).filter(|token| vocab.should_add_bos() && *token >= 0);
        bytes.shrink_to_fit();
        Self {
            model,
            bytes,
            ends,
            ends_answer,
            markers: Markers::new(markers),
            passages: Passages::new(defined),
            bos,
        }
    }

    /// How many tokens there are.
    pub fn size(&self) -> u32 {
        // llama.cpp counts tokens in an `i32`.
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of a token in an answer; none for control tokens and ids that do not exist.
    pub fn bytes(&self, token: Token) -> &[u8] {
        let Ok(index) = usize::try_from(token) else { return &[] };
        let start =
            index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(index).and_then(|end| self.bytes.get(start..*end)).unwrap_or_default()
    }

    /// Whether a token ends the answer.
    pub fn ends_answer(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|index| self.ends_answer.get(index).copied().unwrap_or_default())
    }

    /// Whether the tokens of another model are the same, but for padding at the end.
    pub fn fits(&self, other: &Self) -> bool {
        let (own, others) = (self.ends.len(), other.ends.len());
        let same = |token: Token| {
            self.bytes(token) == other.bytes(token) && self.ends_answer(token) == other.ends_answer(token)
        };
        own.abs_diff(others) <= PADDING_MAX
            && self.bos == other.bos
            && (0..own.min(others)).all(|index| Token::try_from(index).is_ok_and(same))
    }

    /// The first token that has these bytes. Looks at all of them.
    pub fn token_of_bytes(&self, bytes: &[u8]) -> Option<Token> {
        (0..self.size().cast_signed()).find(|token| self.bytes(*token) == bytes)
    }

    /// Its control tokens.
    pub fn markers(&self) -> &Markers {
        &self.markers
    }

    /// The token that has to stand before any text, where the model wants one.
    pub fn bos(&self) -> Option<Token> {
        self.bos
    }

    /// The model it belongs to.
    pub fn model(&self) -> &'static LlamaModel {
        self.model
    }

    /// Appends the tokens of a text in which no control token is looked for.
    pub fn tokenise_into(&self, text: &str, tokens: &mut Vec<Token>) {
        for passage in self.passages.of(text) {
            let found = self.model.vocab().tokenize(passage.as_bytes(), false, false);
            tokens.extend(found.into_iter().map(|LlamaToken(token)| token));
        }
    }

    /// The tokens of a text in which control tokens are looked for.
    pub fn tokens_of(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in self.markers.split(text, None) {
            match piece {
                Piece::Marker(token) => tokens.push(token),
                Piece::Text(text) => self.tokenise_into(&text, &mut tokens),
            }
        }
        tokens
    }

    /// The text of a token, that of control tokens too; half a character is replaced.
    pub fn full_text(&self, token: Token) -> String {
        let bytes = self.bytes(token);
        if bytes.is_empty() {
            return self.special_text(LlamaToken(token));
        }
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The text of a special token for use in a template; empty where the model has none.
    pub fn special_text(&self, token: LlamaToken) -> String {
        if token.0 < 0 {
            return String::new();
        }
        String::from_utf8_lossy(&self.model.vocab().token_to_piece(token, true, None)).into_owned()
    }
}
