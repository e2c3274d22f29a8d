//! From where a request comes.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};

use crate::config::TrustedProxy;
pub use crate::services::auth::Caller;
use crate::{AppError, AppState};

/// Characters of a browser's description that are kept.
const USER_AGENT_MAX_CHARS: usize = 300;

impl FromRequest for Caller {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request))
    }
}

fn caller(request: &HttpRequest) -> Result<Caller, AppError> {
    let state = request.app_data::<web::Data<AppState>>().ok_or_else(|| AppError::internal("no state"))?;
    let peer = request.peer_addr().ok_or_else(|| AppError::internal("the connection has no peer address"))?;
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Ok(Caller {
        address: address(peer.ip(), request.headers(), state.config.trusted_proxy),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_MAX_CHARS).collect()),
    })
}

/// The person's address: what our proxy says, or the peer itself. Of a list only the last entry is our proxy's own
/// word; the others came with the request.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: TrustedProxy) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").last().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|entry| entry.trim().parse().ok());
    last.map_or(peer, |address: IpAddr| address.to_canonical())
}

fn is_trusted(peer: IpAddr, trusted: TrustedProxy) -> bool {
    let private = match peer {
        IpAddr::V4(peer) => peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_unique_local() || peer.is_unicast_link_local(),
    };
    match trusted {
        TrustedProxy::Loopback => peer.is_loopback(),
        TrustedProxy::Private => peer.is_loopback() || private,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, forwarded: &'static str, trusted: TrustedProxy) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static(forwarded));
        address(peer.parse().unwrap(), &headers, trusted).to_string()
    }

    #[test]
    fn our_proxy_is_believed_and_nobody_else() {
        assert_eq!(seen("127.0.0.1", "192.0.2.7", TrustedProxy::Loopback), "192.0.2.7");
        assert_eq!(seen("::ffff:127.0.0.1", "192.0.2.7", TrustedProxy::Loopback), "192.0.2.7");
        assert_eq!(seen("172.18.0.3", "127.0.0.1", TrustedProxy::Loopback), "172.18.0.3");
        assert_eq!(seen("172.18.0.3", "192.0.2.7", TrustedProxy::Private), "192.0.2.7");
        assert_eq!(seen("198.51.100.4", "127.0.0.1", TrustedProxy::Private), "198.51.100.4");
    }

    #[test]
    fn what_a_client_wrote_before_the_proxys_entry_does_not_count() {
        assert_eq!(seen("127.0.0.1", "127.0.0.1, 192.0.2.7", TrustedProxy::Loopback), "192.0.2.7");
        assert_eq!(seen("127.0.0.1", "nonsense", TrustedProxy::Loopback), "127.0.0.1");
    }
}
