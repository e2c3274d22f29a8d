//! The people of a run and their devices: they live until the test winds up.

pub mod api;
pub mod device;
pub mod hearing;
pub mod person;
pub mod screen;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::failure::Outcome;
use crate::ledger::{Ledger, Rule};
use api::Browser;
use device::Device;
use person::Person;
use screen::Shown;

/// Every third person has a second device.
const WITH_TWO_DEVICES: usize = 3;
/// Every fifth person's devices read slowly.
const WITH_SLOW_DEVICES: usize = 5;
/// How slowly: the longest time for which they look away.
const SLOW_MS: u64 = 3_000;

/// After the last fault an answer goes on within seconds; the longest then takes ten more, and one that is continued
/// or waits for a slot some of these.
const WIND_UP_PATIENCE: Duration = Duration::from_secs(90);
/// Longer than a device waits before it connects again.
const HEARING: Duration = Duration::from_secs(30);
/// Between two looks at all screens.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Everybody.
pub struct People {
    /// All devices, by person.
    pub devices: Vec<Vec<Arc<Device>>>,
    lives: JoinSet<()>,
    streams: JoinSet<()>,
    winding_up: watch::Sender<bool>,
    over: watch::Sender<bool>,
    ledger: Ledger,
}

impl People {
    /// Makes so many accounts and devices and lets them begin.
    pub async fn begin(count: usize, address: SocketAddr, ledger: &Ledger, seed: u64) -> Outcome<Self> {
        let (winding_up, over) = (watch::Sender::new(false), watch::Sender::new(false));
        let mut people = Self {
            devices: Vec::new(),
            lives: JoinSet::new(),
            streams: JoinSet::new(),
            winding_up,
            over,
            ledger: ledger.clone(),
        };
        for number in 0..count {
            let devices = people.equip(number, address, seed)?;
            if let Some(first) = devices.first() {
                first.browser().register().await;
            }
            for device in devices.iter().skip(1) {
                device.browser().sign_in().await;
            }
            people.devices.push(devices);
        }
        for (number, devices) in people.devices.iter().enumerate() {
            for device in devices {
                people.streams.spawn(device.clone().follow());
            }
            let dice = Dice::new(seed, &format!("person {number}"));
            let person =
                Person::new(number, devices.clone(), ledger.clone(), dice, people.winding_up.subscribe());
            people.lives.spawn(person.live());
        }
        Ok(people)
    }

    /// Lets everybody finish what they do and see the end of it.
    pub async fn wind_up(&mut self) {
        self.winding_up.send_replace(true);
        let all = async { while self.lives.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(WIND_UP_PATIENCE, all).await.is_ok();
        let left = self.lives.len();
        self.ledger.check(Rule::EndedOnce, in_time, || {
            format!(
                "{left} people still wait for an answer {} s after the last fault",
                WIND_UP_PATIENCE.as_secs()
            )
        });
        self.lives.abort_all();
        while self.lives.join_next().await.is_some() {}
        self.hear_the_last().await;
    }

    /// The second device of somebody may hear of an end a moment later. One that does not is found by the checks.
    async fn hear_the_last(&self) {
        let deadline = tokio::time::Instant::now() + HEARING;
        while self.devices.iter().flatten().any(|device| device.is_waiting())
            && tokio::time::Instant::now() < deadline
        {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What all devices show.
    pub fn shown(&self) -> Vec<Shown> {
        self.devices.iter().flatten().map(|device| device.shown()).collect()
    }

    /// Closes all streams.
    pub async fn leave(&mut self) {
        self.over.send_replace(true);
        while self.streams.join_next().await.is_some() {}
    }

    fn equip(&self, number: usize, address: SocketAddr, seed: u64) -> Outcome<Vec<Arc<Device>>> {
        let count = if number.is_multiple_of(WITH_TWO_DEVICES) { 2 } else { 1 };
        let slow_ms = (number % WITH_SLOW_DEVICES == WITH_SLOW_DEVICES - 1).then_some(SLOW_MS);
        // An address for each person: tries to sign in are slowed down by address.
        let host = u8::try_from(number % 250).unwrap_or_default() + 1;
        let local = IpAddr::V4(Ipv4Addr::new(127, 0, 1, host));
        let email = format!("person{number}@example.org");
        let device = |which: usize| {
            let who = format!("p{number}d{which}");
            let browser = Browser::new(who, email.clone(), local, address, self.ledger.clone(), seed)?;
            Ok(Device::new(browser, self.ledger.clone(), slow_ms, self.over.subscribe()))
        };
        (0..count).map(device).collect()
    }
}
