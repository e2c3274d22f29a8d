use super::*;
use crate::{Chat, TextKind, Tool};

/// The reply to `text` where the tool `add` may be called: its pieces by kind, and all their tokens.
fn reply(rig: &mut Rig, text: &str, answer_so_far: Vec<Token>) -> (Vec<(String, String)>, Vec<Token>) {
    let tool = Tool::new("add".to_owned(), String::new(), String::new()).unwrap();
    let chat = Chat { tools: vec![tool], ..Chat::from(asks(text)) };
    let command = GenerateCommand { answer_so_far: answer_so_far.clone(), ..rig.command(ANNA, plain()) };
    let id = command.id;
    rig.scheduler.arrive(command);
    rig.scheduler
        .prepared(id, ScriptedReader::default().read(&chat, None, &answer_so_far).map_err(Into::into));
    rig.finish();
    let mut said: Vec<(String, String)> = Vec::new();
    let mut all = answer_so_far;
    for news in rig.news(id) {
        let (kind, text) = match news {
            News::Text { kind, text, tokens, .. } => {
                all.extend(tokens);
                (format!("{kind:?}"), text.clone())
            }
            News::ToolCall { index, id, name, tokens } => {
                all.extend(tokens);
                (format!("{index} {id}"), name.clone())
            }
            _ => continue,
        };
        match said.last_mut() {
            Some((last, told)) if *last == kind => told.push_str(&text),
            _ => said.push((kind, text)),
        }
    }
    (said, all)
}

#[test]
fn reasoning_and_answer_are_told_apart_and_the_tags_are_not_told() {
    let mut rig = rig(1);
    let (said, tokens) = reply(&mut rig, "think:3 tokens:2", Vec::new());
    let kinds: Vec<&str> = said.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["Reasoning", "Answer"]);
    assert_eq!(tokens.len(), 7, "two tags, three thoughts, two words");
}

#[test]
fn a_tool_call_is_told_by_name_and_then_its_arguments() {
    let mut rig = rig(1);
    let (said, _) = reply(&mut rig, "call:add", Vec::new());
    let [(begin, name), (kind, arguments)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((name.as_str(), kind.as_str()), ("add", format!("{:?}", TextKind::Arguments).as_str()));
    assert_eq!(arguments, r#"{"depth": 1, "why": "add"}"#);
    let id = begin.strip_prefix("0 ").unwrap();
    assert!(id.len() == 9 && id.chars().all(|char| char.is_ascii_alphanumeric()), "{id}");
    let (again, _) = reply(&mut rig, "call:add", Vec::new());
    assert_eq!(again, said, "the same call has the same id");
}

#[test]
fn a_reply_that_is_gone_on_with_is_read_on_wherever_it_stood() {
    for text in ["think:3 tokens:2", "call:add"] {
        let mut rig = rig(1);
        let (whole, tokens) = reply(&mut rig, text, Vec::new());
        let whole_text: String = whole.iter().map(|(_, text)| text.as_str()).collect();
        for from in 1..tokens.len() {
            let (rest, all) = reply(&mut rig, text, tokens[..from].to_vec());
            assert_eq!(all.len(), tokens.len(), "{text} from {from}");
            let rest_text: String = rest.iter().map(|(_, text)| text.as_str()).collect();
            assert!(whole_text.ends_with(&rest_text), "{text} from {from}: {rest:?}");
            let kinds = |said: &[(String, String)]| said.last().map(|(kind, _)| kind.clone());
            assert_eq!(kinds(&rest), kinds(&whole), "{text} from {from}");
        }
    }
}

#[test]
fn how_likely_each_token_was_comes_with_its_piece() {
    let mut rig = rig(1);
    let options = SamplingOptions { logprobs: Some(2), temperature: Some(0.0), ..SamplingOptions::default() };
    let command = rig.command(ANNA, options.check().unwrap());
    let id = rig.send(command, &asks("think:2 tokens:3"));
    rig.finish();
    let pieces = rig.news(id).iter().filter_map(|news| match news {
        News::Text { tokens, choices, .. } => Some((tokens, choices)),
        _ => None,
    });
    let mut count = 0;
    for (tokens, choices) in pieces {
        let told: Vec<Token> = choices.iter().map(|choice| choice.chosen.token).collect();
        assert_eq!(&told, tokens);
        count += told.len();
    }
    assert_eq!(count, 7);
}
