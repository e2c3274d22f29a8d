//! The cookie of the refresh token. Its rules follow the scheme of PUBLIC_URL: over plain http, as on a home network,
//! a browser takes neither `Secure` nor `__Host-`.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::config::Config;
use crate::services::auth::refresh_token::{LIFETIME_S, RefreshToken};

/// `__Host-` makes the browser refuse a cookie that another host of the domain, or plain http, tries to set.
const SECURE_NAME: &str = "__Host-oriel_refresh";
const PLAIN_NAME: &str = "oriel_refresh";

pub(super) fn write(token: &RefreshToken, config: &Config) -> Cookie<'static> {
    base(token.reveal(), config).max_age(Duration::seconds(LIFETIME_S.into())).finish()
}

pub(super) fn removal(config: &Config) -> Cookie<'static> {
    base(String::new(), config).max_age(Duration::ZERO).finish()
}

pub(super) fn read(request: &HttpRequest, config: &Config) -> Option<RefreshToken> {
    RefreshToken::parse(request.cookie(name(config))?.value())
}

fn base(value: String, config: &Config) -> actix_web::cookie::CookieBuilder<'static> {
    // `__Host-` demands the path `/`; without it the cookie goes only where it is needed.
    let path = if config.is_https() { "/" } else { "/api/auth" };
    Cookie::build(name(config), value)
        .path(path)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(config.is_https())
}

fn name(config: &Config) -> &'static str {
    if config.is_https() { SECURE_NAME } else { PLAIN_NAME }
}
