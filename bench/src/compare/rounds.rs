//! Who is measured when: by turns, the one that begins changing from round to round, and what comes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use super::completion::Usage;
use super::figure::{Figure, Goals};
use super::report::{Row, Side};
use super::request::{Message, Sampling};
use super::scenario::{Round, Scenario};
use super::server::Server;
use super::statistics::Summary;
use super::text::{Measure, Writer};
use crate::failure::Failure;

/// Words of the two prompts by which the length of texts is learnt.
const SHORT_WORDS: usize = 40;
const LONG_WORDS: usize = 240;

/// All readings so far.
pub struct Rounds {
    run: u64,
    streams: u32,
    measure: Measure,
    /// By figure and server.
    taken: BTreeMap<(Figure, usize), Readings>,
    idle: [Idle; 2],
}

/// Of one figure at one server.
#[derive(Default)]
struct Readings {
    values: Vec<f64>,
    usage: Option<Usage>,
    /// Why rounds gave no reading.
    left_out: Vec<String>,
}

/// What a server does while the other one is measured.
#[derive(Clone, Copy, Default)]
struct Idle {
    processor_ms: u64,
    wall_ms: u64,
}

impl Rounds {
    /// Learns how long texts are, at the first server: both have the same model.
    pub async fn begin(servers: &mut [Server; 2], run: u64, streams: u32) -> Result<Self, Failure> {
        let [server, _] = &*servers;
        let mut counts = Vec::new();
        for words in [SHORT_WORDS, LONG_WORDS] {
            let text = Writer::new(run, 0, "measure").words(words);
            let heard = server.answer(0, vec![Message::user(text)], 1, Sampling::GREEDY).await?;
            counts.push((words, heard.usage.prompt_tokens));
        }
        let (Some(short), Some(long)) = (counts.first(), counts.last()) else { return Err(Failure::NoUsage) };
        if long.1 <= short.1 {
            return Err(Failure::NoUsage);
        }
        Ok(Self {
            run,
            streams,
            measure: Measure::of(*short, *long),
            taken: BTreeMap::new(),
            idle: Default::default(),
        })
    }

    /// Does a scenario once at both servers.
    pub async fn take(
        &mut self,
        servers: &mut [Server; 2],
        scenario: Scenario,
        number: u32,
    ) -> Result<(), Failure> {
        let order = if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        for index in order {
            let [a, b] = &mut *servers;
            let (server, other) = if index == 0 { (a, &*b) } else { (b, &*a) };
            let before = (Instant::now(), other.processor_ms());
            let (run, measure, streams) = (self.run, self.measure, self.streams);
            let mut round = Round { server, run, number, measure, streams };
            let taken = scenario.take(&mut round).await;
            let name = round.server.name().to_owned();
            if let (Some(idle), Some(from), Some(to)) =
                (self.idle.get_mut(1 - index), before.1, other.processor_ms())
            {
                idle.processor_ms += to.saturating_sub(from);
                idle.wall_ms += before.0.elapsed().as_millis() as u64;
            }
            match taken {
                Ok(taken) => {
                    for (figure, values) in taken.readings {
                        self.tell(number, &name, figure, &values);
                        let readings = self.taken.entry((figure, index)).or_default();
                        readings.values.extend(values);
                        if figure.is_of_a_prompt() {
                            readings.usage = taken.usage.or(readings.usage);
                        }
                    }
                }
                Err(failure) if failure.is_no_reading() => {
                    eprintln!("round {}: {name}: {scenario:?} left out: {failure}", number + 1);
                    for figure in scenario.figures() {
                        self.taken.entry((*figure, index)).or_default().left_out.push(failure.to_string());
                    }
                }
                Err(failure) => {
                    let (scenario, round) = (format!("{scenario:?}"), number + 1);
                    return Err(Failure::During {
                        scenario,
                        server: name,
                        round,
                        failure: Box::new(failure),
                    });
                }
            }
        }
        Ok(())
    }

    fn tell(&self, number: u32, name: &str, figure: Figure, values: &[f64]) {
        if let Some(summary) = Summary::of(values, figure.unit().more_is_better()) {
            let (title, unit) = (figure.title(self.streams), figure.unit().sign());
            eprintln!("round {}: {name}: {title}: {:.1} {unit}", number + 1, summary.median);
        }
    }

    /// What both used of a processor while the other one was measured, in percent of one core; none where they were
    /// not started here.
    pub fn idle_percent(&self) -> [Option<f64>; 2] {
        self.idle
            .map(|idle| (idle.wall_ms > 0).then(|| idle.processor_ms as f64 * 100.0 / idle.wall_ms as f64))
    }

    /// The table.
    pub fn rows(&self, goals: Goals) -> Vec<Row> {
        let row = |figure: Figure| {
            let more_is_better = figure.unit().more_is_better();
            let side = |server| Some(self.taken.get(&(figure, server))?.side(more_is_better));
            let goal = figure.goal(goals, self.streams);
            Some(Row::new(figure, figure.title(self.streams), goal, side(0)?, side(1)?))
        };
        Figure::ALL.into_iter().filter_map(row).collect()
    }
}

impl Readings {
    fn side(&self, more_is_better: bool) -> Side {
        Side {
            summary: Summary::of(&self.values, more_is_better),
            prompt_tokens: self.usage.map(|usage| usage.prompt_tokens),
            cached_tokens: self.usage.map(|usage| usage.cached_tokens()),
            left_out: self.left_out.clone(),
        }
    }
}
