//! Pages for a person's browser: small, whole in themselves, and without a script.

use crate::api::{Answer, escaped};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;\
    color:#16191f;background:#fff}h1{font-size:1.5rem}dt{font-weight:600}dd{margin:0 0 .75rem;overflow-wrap:anywhere}\
    label{display:block;font-weight:600;margin:1rem 0 .25rem}input,select,button{font:inherit;padding:.4rem .6rem}\
    button{margin:1rem .5rem 0 0}.note{border-top:1px solid #d5dbdb;margin-top:2rem;padding-top:1rem;color:#414d5c}";

/// A page. `body` is HTML, `title` is text.
pub(crate) fn page(status: u16, title: &str, body: &str) -> Answer {
    let title = attribute(title);
    let mut answer = Answer::empty(status)
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "no-store")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        )
        .header("referrer-policy", "no-referrer")
        .header("x-content-type-options", "nosniff");
    answer.body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}\
         <p class=\"note\">This is rolecall's sandbox, and no AWS: nothing here reaches an account of yours.</p>\
         </main></body></html>\n"
    )
    .into_bytes();
    answer
}

/// A paragraph of text.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", attribute(text))
}

/// Names and what they are, as a list.
pub(crate) fn facts(facts: &[(&str, &str)]) -> String {
    let rows: String = facts
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", attribute(name), attribute(value)))
        .collect();
    format!("<dl>{rows}</dl>")
}

/// Fields that the person does not see.
pub(crate) fn hidden<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    fields
        .into_iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                attribute(name),
                attribute(value)
            )
        })
        .collect()
}

/// The choice of a directory user.
pub(crate) fn users<'a>(users: impl IntoIterator<Item = &'a String>) -> String {
    let options: String = users
        .into_iter()
        .map(|user| {
            let user = attribute(user);
            format!("<option value=\"{user}\">{user}</option>")
        })
        .collect();
    format!(
        "<label for=\"user\">Sign in as</label><select id=\"user\" name=\"user\" required>{options}</select>"
    )
}

/// Text as HTML has it, in an attribute too.
pub(crate) fn attribute(text: &str) -> String {
    escaped(text).replace('\'', "&#39;")
}
