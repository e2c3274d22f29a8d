//! Where the server is: `/config.json`, written when the page's own server starts.

use gloo_net::http::Request;
use serde::Deserialize;
use web_sys::RequestCache;

#[derive(Deserialize)]
struct Config {
    /// The origin of the API; empty for the page's own.
    #[serde(default)]
    api_url: String,
}

/// The origin of the API, without a slash at the end; empty for the page's own, also where nothing is configured.
pub async fn api_url() -> String {
    let Ok(response) = Request::get("/config.json").cache(RequestCache::NoCache).send().await else {
        return String::new();
    };
    match response.json::<Config>().await {
        Ok(config) if response.ok() => config.api_url.trim_end_matches('/').to_owned(),
        _ => String::new(),
    }
}
