//! What `cargo xtask up` itself has to know of the settings: where to listen and where the data is. All others go
//! through to `oriel`, which checks them.

use std::env;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::str::FromStr;

use crate::failure::{Failure, Outcome};
use crate::place;

const PORT: u16 = 8080;
const LISTEN_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// Where one Oriel listens and keeps its data.
#[derive(Clone, Debug)]
pub struct Settings {
    /// nginx's port, on all addresses of the machine.
    pub port: u16,
    /// Where `oriel` listens.
    pub backend: SocketAddr,
    /// Secret key, private database, nginx's files.
    pub data: PathBuf,
    /// Where the model files are.
    pub models: PathBuf,
    /// Further variables for `oriel`.
    pub environment: Vec<(&'static str, String)>,
}

impl Settings {
    /// As the environment says.
    pub fn from_env() -> Outcome<Self> {
        let data = match set("DATA_DIR") {
            Some(directory) => std::path::absolute(&directory)
                .map_err(|error| Failure::new(format!("DATA_DIR is {directory:?}: {error}")))?,
            None => place::data()?,
        };
        Ok(Self {
            port: parsed("PORT", PORT, "a port, as in 8080")?,
            backend: parsed("LISTEN_ADDR", LISTEN_ADDR, "an IP address and a port, as in 127.0.0.1:8081")?,
            models: set("MODEL_PATH").map_or_else(|| data.join("models"), PathBuf::from),
            data,
            environment: Vec::new(),
        })
    }

    /// The page's address for people on this machine.
    pub fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// nginx as reached from here.
    pub fn front(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// Says which port is taken, and what to do.
    pub fn check_ports(&self) -> Outcome {
        let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.port);
        for (address, variable, example) in
            [(everywhere, "PORT", "PORT=8090"), (self.backend, "LISTEN_ADDR", "LISTEN_ADDR=127.0.0.1:8091")]
        {
            if let Err(error) = TcpListener::bind(address) {
                return Err(Failure::new(format!(
                    "cannot listen on {address}: {error}. End the program that uses port {}, or set {variable} to \
                     another one: `{example} cargo xtask up`",
                    address.port()
                )));
            }
        }
        Ok(())
    }
}

/// The value of a variable; an empty one counts as not set.
pub fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn parsed<T: FromStr<Err: Display>>(name: &str, default: T, expected: &str) -> Outcome<T> {
    let Some(text) = set(name) else { return Ok(default) };
    text.parse().map_err(|error| Failure::new(format!("{name} is {text:?} ({error}); expected {expected}")))
}
