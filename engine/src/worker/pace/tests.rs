use super::*;

/// A machine: a step, a prompt token, and a prompt token for each token before it.
#[derive(Clone, Copy)]
struct Machine {
    plain_us: u64,
    token_us: u64,
    position_ns: u64,
}

impl Machine {
    const SMALL: Self = Self { plain_us: 9_000, token_us: 1_500, position_ns: 2_000 };

    fn took(self, running: usize, reading: Reading) -> Duration {
        let plain = Duration::from_micros(self.plain_us * running.min(1) as u64);
        let tokens = Duration::from_micros(self.token_us * reading.tokens as u64);
        plain + tokens + Duration::from_nanos(self.position_ns * reading.positions)
    }
}

/// Reads a prompt beside two streams; the time of each step.
fn read_prompt(pace: &mut Pace, machine: Machine, prompt_tokens: usize) -> Vec<Duration> {
    let mut steps = Vec::new();
    let mut position = 0;
    while position < prompt_tokens {
        let mut reading = Reading::default();
        reading.add(position, pace.budget(2, position, 512).min(prompt_tokens - position));
        let took = machine.took(2, reading);
        pace.observe(2, reading, took);
        position += reading.tokens;
        steps.push(took);
    }
    steps
}

fn nothing_read() -> Reading {
    Reading::default()
}

fn read(tokens: usize) -> Reading {
    let mut reading = Reading::default();
    reading.add(0, tokens);
    reading
}

#[test]
fn the_gap_stays_within_its_target_to_the_end_of_a_long_prompt() {
    let mut pace = Pace::default();
    pace.observe(2, nothing_read(), Machine::SMALL.took(2, nothing_read()));
    let steps = read_prompt(&mut pace, Machine::SMALL, 8_000);
    let longest = steps.iter().max().copied().unwrap_or_default();
    assert!(longest < GAP_TARGET.mul_f64(1.2), "{longest:?}");
    // Nor is more than needed left to others: the budget is used.
    let mean = steps.iter().sum::<Duration>() / steps.len() as u32;
    assert!(mean > GAP_TARGET.mul_f64(0.8), "{mean:?}");
}

#[test]
fn what_was_learnt_from_one_prompt_holds_for_the_next() {
    let mut pace = Pace::default();
    read_prompt(&mut pace, Machine::SMALL, 8_000);
    let steps = read_prompt(&mut pace, Machine::SMALL, 8_000);
    let longest = steps.iter().max().copied().unwrap_or_default();
    assert!(longest < GAP_TARGET.mul_f64(1.2), "{longest:?}");
}

#[test]
fn steady_steps_do_not_wash_out_what_positions_cost() {
    let mut pace = Pace::default();
    read_prompt(&mut pace, Machine::SMALL, 8_000);
    let far = pace.budget(2, 8_000, 512);
    for step in 0..500 {
        let mut reading = Reading::default();
        reading.add(7_000 + step % 3, 16);
        pace.observe(2, reading, Machine::SMALL.took(2, reading) + Duration::from_millis(step as u64 % 5));
    }
    let still = pace.budget(2, 8_000, 512);
    assert!(still.abs_diff(far) <= far / 4, "{far} and then {still}");
    assert!(pace.budget(2, 0, 512) > 2 * still);
}

#[test]
fn a_slow_machine_still_reads_prompts() {
    let mut pace = Pace::default();
    pace.observe(1, nothing_read(), Duration::from_secs(2));
    pace.observe(1, read(16), Duration::from_secs(60));
    assert_eq!(pace.budget(1, 0, 512), CHUNK_MIN_TOKENS);
}

#[test]
fn a_machine_that_nobody_knows_gets_a_small_chunk_first() {
    assert_eq!(Pace::default().budget(3, 0, 512), CHUNK_FIRST_TOKENS);
    assert_eq!(Pace::default().budget(0, 0, 512), ALONE_MIN_TOKENS);
}

#[test]
fn with_nobody_running_a_fast_machine_fills_the_batch() {
    let mut pace = Pace::default();
    pace.observe(0, read(512), Duration::from_millis(100));
    assert_eq!(pace.budget(0, 0, 512), 512);
}

#[test]
fn a_batch_never_overflows() {
    let mut pace = Pace::default();
    pace.observe(7, read(1), Duration::from_nanos(1));
    assert_eq!(pace.budget(7, 0, 8), 1);
    assert_eq!(pace.budget(8, 0, 8), 0);
}

#[test]
fn a_short_prompt_is_not_delayed_by_a_long_one() {
    assert_eq!(share(100, &[2_000, 30]), [70, 30]);
    assert_eq!(share(100, &[2_000, 3_000]), [50, 50]);
    assert_eq!(share(10, &[3, 3]), [3, 3]);
    assert_eq!(share(1, &[5, 5, 5]).iter().sum::<usize>(), 1);
}

#[test]
fn positions_are_summed_token_by_token() {
    let mut reading = Reading::default();
    reading.add(10, 3);
    reading.add(0, 2);
    assert_eq!(reading, Reading { tokens: 5, positions: 10 + 11 + 12 + 1 });
}
