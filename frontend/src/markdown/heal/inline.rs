//! Completes what a half-written line leaves open: code, strong and emphasised text, the address of a link.

/// `line` with what it needs to read as it is meant; nothing when it is complete.
pub(super) fn completed(line: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut before = ' ';
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let at = line.len() - rest.len();
        let signs =
            if "`*_~".contains(first) { rest.len() - rest.trim_start_matches(first).len() } else { 0 };
        let (run, after_run) = rest.split_at_checked(signs.max(first.len_utf8()))?;
        rest = after_run;
        match first {
            '\\' => rest = after_first(rest),
            '`' => match end_of_code(rest, signs) {
                Some(end) => rest = rest.get(end..)?,
                None => {
                    let line = with_code_closed(line, at, run);
                    return Some(with_signs_closed(&line, &open));
                }
            },
            '*' | '_' | '~' => note_run(&mut open, run, at, before, rest.chars().next()),
            _ => {}
        }
        before = first;
    }
    let in_address =
        line.rfind("](").is_some_and(|start| line.get(start..).is_some_and(|link| !link.contains(')')));
    if open.is_empty() && !in_address {
        return None;
    }
    let line = if in_address { format!("{line})") } else { line.to_owned() };
    Some(with_signs_closed(&line, &open))
}

/// A sign that was opened, and where.
struct Opened<'a> {
    sign: &'a str,
    at: usize,
}

fn after_first(text: &str) -> &str {
    let mut letters = text.chars();
    letters.next();
    letters.as_str()
}

/// Where a run of as many backticks ends in `text`.
fn end_of_code(text: &str, width: usize) -> Option<usize> {
    let mut rest = text;
    loop {
        let start = rest.find('`')?;
        let run = rest.get(start..)?;
        let after = run.trim_start_matches('`');
        if run.len() - after.len() == width {
            return Some(text.len() - after.len());
        }
        rest = after;
    }
}

/// The code that `run` begins at `at` is closed; when there is none yet, the run is not shown.
fn with_code_closed(line: &str, at: usize, run: &str) -> String {
    let line = line.trim_end_matches('`');
    if line.len() <= at + run.len() {
        line.get(..at).unwrap_or(line).to_owned()
    } else {
        format!("{line}{run}")
    }
}

/// A run of signs closes what is open, or opens.
fn note_run<'a>(open: &mut Vec<Opened<'a>>, run: &'a str, at: usize, before: char, after: Option<char>) {
    let parts = if run.len() == 3 { run.split_at_checked(2) } else { Some((run, "")) };
    let Some((first, second)) = parts else { return };
    for (sign, at) in
        [(first, at), (second, at + first.len())].into_iter().filter(|(sign, _)| !sign.is_empty())
    {
        let opened = open.iter().rposition(|opened| opened.sign == sign);
        // `2*3` and `snake_case` are no emphasis; strong text may begin within a word where words have no spaces.
        let begins = sign == "**" || !before.is_alphanumeric();
        let may_open = after.is_none_or(|after| begins && !after.is_whitespace());
        match opened {
            Some(index) if !before.is_whitespace() => open.truncate(index),
            _ if may_open && is_known(sign) => open.push(Opened { sign, at }),
            _ => {}
        }
    }
}

fn is_known(sign: &str) -> bool {
    matches!(sign, "*" | "**" | "_" | "__" | "~~")
}

/// Every open sign is closed; one that nothing follows yet is not shown.
fn with_signs_closed(line: &str, open: &[Opened<'_>]) -> String {
    let mut line = line.trim_end().to_owned();
    for Opened { sign, at } in open.iter().rev() {
        if line.len() <= at + sign.len() {
            line.truncate(*at);
            line.truncate(line.trim_end().len());
        } else {
            line.push_str(sign);
        }
    }
    line
}
