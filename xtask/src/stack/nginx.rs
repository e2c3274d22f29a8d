//! nginx without privileges: its own prefix in the data directory, its configuration rendered from `nginx/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::settings::{Settings, set};
use crate::command::{self, find};
use crate::failure::{Doing, Failure, Outcome};
use crate::place;

/// Compresses better than gzip; loaded where the system has it.
const BROTLI: &str = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so";
/// Accounts that systems have for a web server, the likeliest first.
const ACCOUNTS: [&str; 4] = ["www-data", "nginx", "http", "nobody"];

/// Copies the page, renders the configuration, and returns the command that starts nginx.
pub fn prepare(settings: &Settings) -> Outcome<Command> {
    let program =
        find("nginx").ok_or_else(|| Failure::new("there is no nginx: run `cargo xtask up` to install it"))?;
    let prefix = settings.data.join("nginx");
    let conf = prefix.join("conf");
    let page = prefix.join("page");
    fs::create_dir_all(&conf).doing(format_args!("make {}", conf.display()))?;
    copy_page(&page)?;
    render(&conf, &variables(settings, &prefix, &conf, &page))?;
    let mut nginx = Command::new(program);
    nginx.args(["-e", "stderr", "-p"]).arg(&prefix).arg("-c").arg(conf.join("nginx.conf"));
    Ok(nginx)
}

/// Workers of nginx may not enter the clone (a home is private), and a build must not change what is being served.
fn copy_page(to: &Path) -> Outcome {
    let from = place::page();
    if !from.join("index.html").is_file() {
        return Err(Failure::new(format!(
            "there is no page in {}: `cargo xtask build page`",
            from.display()
        )));
    }
    if to.exists() {
        fs::remove_dir_all(to).doing(format_args!("remove {}", to.display()))?;
    }
    command::run_quietly(Command::new("cp").arg("-r").arg(&from).arg(to))?;
    command::run_quietly(Command::new("chmod").args(["-R", "a+rX"]).arg(to))?;
    let api_url = set("API_URL").unwrap_or_default();
    let config = to.join("config.json");
    fs::write(&config, format!("{{\"api_url\": \"{}\"}}\n", api_url.trim_end_matches('/')))
        .doing(format_args!("write {}", config.display()))
}

fn variables(settings: &Settings, prefix: &Path, conf: &Path, page: &Path) -> Vec<(&'static str, String)> {
    let brotli = Path::new(BROTLI).is_file();
    let mut listen = format!("listen {};", settings.port);
    if Path::new("/proc/net/if_inet6").is_file() {
        listen.push_str(&format!("\n    listen [::]:{};", settings.port));
    }
    let api_url = set("API_URL").map_or_else(String::new, |url| format!(" {}", url.trim_end_matches('/')));
    vec![
        ("MODULES", if brotli { format!("load_module {BROTLI};") } else { String::new() }),
        ("USER", account().map_or_else(String::new, |account| format!("user {account};"))),
        ("RUN_DIR", prefix.display().to_string()),
        ("CONF_DIR", conf.display().to_string()),
        ("PAGE_DIR", page.display().to_string()),
        ("SERVERS", format!("server {} max_fails=0;", settings.backend)),
        ("LISTEN", listen),
        ("COMPRESSION", compression(brotli).to_owned()),
        ("CONNECT_SRC", api_url),
    ]
}

fn compression(brotli: bool) -> &'static str {
    if brotli {
        "gzip_static on;\n    gzip_vary on;\n    brotli_static on;"
    } else {
        "gzip_static on;\n    gzip_vary on;"
    }
}

/// Started by root, nginx serves as somebody who may do little.
fn account() -> Option<&'static str> {
    if !place::is_root() {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ACCOUNTS.into_iter().find(|name| accounts.lines().any(|line| line.split(':').next() == Some(name)))
}

/// Writes every file of `nginx/` into `conf`; a template loses its ending and gets its words filled in.
fn render(conf: &Path, variables: &[(&str, String)]) -> Outcome {
    let source = place::root().join("nginx");
    for entry in fs::read_dir(&source).doing(format_args!("read {}", source.display()))?.flatten() {
        let path: PathBuf = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".conf") && !name.ends_with(".conf.template") {
            continue;
        }
        let text = fs::read_to_string(&path).doing(format_args!("read {}", path.display()))?;
        let (name, text) = match name.strip_suffix(".template") {
            Some(name) => (name.to_owned(), fill(&text, variables)?),
            None => (name, text),
        };
        fs::write(conf.join(&name), text).doing(format_args!("write {name}"))?;
    }
    Ok(())
}

fn fill(template: &str, variables: &[(&str, String)]) -> Outcome<String> {
    let filled = variables
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    // nginx's own variables are written without braces.
    match filled.lines().find(|line| !line.trim_start().starts_with('#') && line.contains("${")) {
        Some(line) => {
            Err(Failure::new(format!("a word of nginx's configuration is not known: {}", line.trim())))
        }
        None => Ok(filled),
    }
}

#[cfg(test)]
mod tests {
    use shared::ApiError;

    use super::*;

    fn file(name: &str) -> String {
        fs::read_to_string(place::root().join("nginx").join(name)).unwrap()
    }

    #[test]
    fn the_largest_body_is_the_one_that_the_backend_takes() {
        let wanted = format!("client_max_body_size {};", shared::limits::BODY_MAX_BYTES);
        assert!(file("nginx.conf.template").contains(&wanted), "nginx.conf.template lacks {wanted}");
    }

    #[test]
    fn the_errors_of_nginx_are_errors_of_the_api() {
        let errors = file("errors.conf");
        let bodies: Vec<&str> = errors.lines().filter_map(|line| line.split('\'').nth(1)).collect();
        assert_eq!(bodies.len(), 4);
        for body in bodies {
            let error: ApiError = serde_json::from_str(body).unwrap();
            assert_eq!(error.request_id.as_deref(), Some("$request_id"));
        }
    }

    #[test]
    fn the_errors_for_openai_clients_have_their_shape() {
        let errors = file("v1_errors.conf");
        let bodies: Vec<&str> = errors.lines().filter_map(|line| line.split('\'').nth(1)).collect();
        assert_eq!(bodies.len(), 3);
        for body in bodies {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let fields: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
            assert_eq!(fields, ["code", "message", "param", "type"]);
        }
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert!(fill("listen ${NOWHERE};", &[]).is_err());
        assert_eq!(fill("listen ${PORT}; # $uri", &[("PORT", "1".into())]).unwrap(), "listen 1; # $uri");
    }

    #[test]
    fn no_location_has_headers_of_its_own() {
        for name in ["site.conf.template", "proxy.conf", "errors.conf", "v1.conf", "v1_errors.conf"] {
            assert!(!file(name).contains("add_header"), "an add_header in {name} would drop all the others");
        }
    }
}
