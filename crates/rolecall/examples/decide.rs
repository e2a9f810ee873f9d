//! Decides authorization cases: a JSON object a line on standard input, one a line on standard output.
//!
//! The cases are those of `conformance/driver/policy_cases.py`, which says what their fields are. The answer is
//! `{"id", "verdict": "allowed" | "explicit_deny" | "implicit_deny", "by": {"kind", "policy", "statement", "sid"} | null}`,
//! so that other evaluators can be asked the same and compared.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};

use rolecall::policy::{
    Context, Document, Matched, Policies, PolicySource, Principal, Request, Verdict, evaluate,
};
use rolecall::{AccountId, Invalid};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", decide(&case)?)?;
    }
    Ok(())
}

/// A case is about decisions, so a policy that could not be attached where it stands is a mistake of the case.
fn decide(case: &Value) -> Result<Value, Box<dyn Error>> {
    let identity = documents(&case["identity"], Document::check_identity)?;
    let boundary = document(&case["boundary"], Document::check_identity)?;
    let session = case["session"]
        .is_array()
        .then(|| documents(&case["session"], Document::check_identity))
        .transpose()?;
    let level = |level| documents(level, Document::check_service_control);
    let scps: Option<Vec<_>> = case["scps"]
        .as_array()
        .map(|levels| levels.iter().map(level).collect::<Result<_, _>>())
        .transpose()?;
    let trust = document(&case["trust"], Document::check_trust)?;
    let resource = document(&case["resource_policy"], |_| Ok(()))?;
    let policies = Policies {
        identity: sources(&identity),
        boundary: boundary.as_ref().map(source),
        session: session.as_ref().map(|session| sources(session)),
        service_control: scps
            .as_ref()
            .map(|levels| levels.iter().map(|level| sources(level)).collect()),
        resource: resource.as_ref().map(source),
        trust: trust.as_ref().map(source),
    };
    let context = context(&case["context"]);
    let decision = evaluate(
        &Request {
            principal: &principal(case)?,
            action: text(&case["action"])?,
            resource: text(&case["resource"])?,
            resource_account: text(&case["resource_account"])?.parse()?,
            context: &context,
        },
        &policies,
    );
    let (verdict, by) = match decision.verdict() {
        Verdict::Allowed(by) => ("allowed", by.first()),
        Verdict::ExplicitDeny(by) => ("explicit_deny", Some(by)),
        Verdict::ImplicitDeny(_) => ("implicit_deny", None),
    };
    Ok(json!({"id": case["id"], "verdict": verdict, "by": by.map(told)}))
}

fn told(by: &Matched) -> Value {
    json!({"kind": by.kind.name(), "policy": by.policy, "statement": by.statement, "sid": by.sid})
}

fn principal(case: &Value) -> Result<Principal, Box<dyn Error>> {
    let arn = text(&case["principal"])?;
    if !arn.starts_with("arn:") {
        return Ok(Principal::service(arn));
    }
    let [_, partition, _, _, account, name] = arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Err(format!("`{arn}` is not the ARN of a principal").into());
    };
    let account: AccountId = account.parse()?;
    Ok(match name.split('/').next() {
        Some("root") => Principal::root(partition, account),
        Some("user") => Principal::user(partition, account, arn),
        Some("assumed-role") => Principal::role_session(partition, account, arn, text(&case["role"])?),
        Some("federated-user") => Principal::federated_user(partition, account, arn, text(&case["user"])?),
        Some("oidc-provider") => Principal::federated(arn),
        _ => return Err(format!("`{arn}` is no kind of principal that cases have").into()),
    })
}

fn context(keys: &Value) -> Context {
    let mut context = Context::new();
    for (key, value) in keys.as_object().into_iter().flatten() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = values.iter().filter_map(Value::as_str).map(str::to_owned);
        context.set_all(key, texts);
    }
    context
}

type Check = fn(&Document) -> Result<(), Invalid>;

fn document(value: &Value, check: Check) -> Result<Option<(String, Document)>, Box<dyn Error>> {
    (!value.is_null()).then(|| checked(0, value, check)).transpose()
}

fn documents(list: &Value, check: Check) -> Result<Vec<(String, Document)>, Box<dyn Error>> {
    let list = list.as_array().ok_or("policies come in a list")?.iter();
    list.enumerate()
        .map(|(index, value)| checked(index, value, check))
        .collect()
}

fn checked(index: usize, value: &Value, check: Check) -> Result<(String, Document), Box<dyn Error>> {
    let document: Document = value.to_string().parse()?;
    check(&document)?;
    Ok((index.to_string(), document))
}

fn sources(documents: &[(String, Document)]) -> Vec<PolicySource<'_>> {
    documents.iter().map(source).collect()
}

fn source((name, document): &(String, Document)) -> PolicySource<'_> {
    PolicySource { name, document }
}

fn text(value: &Value) -> Result<&str, Box<dyn Error>> {
    value
        .as_str()
        .ok_or_else(|| format!("{value} is not text").into())
}
