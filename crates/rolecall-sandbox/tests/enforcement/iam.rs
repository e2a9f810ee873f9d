//! IAM: what set-up scripts make, what discovery tools read, and what is refused. Each refusal beside its positive control.

mod account;
mod authorization;
mod entities;
mod limits;
mod pages;
mod policies;
mod simulate;
mod trust;

use aws_credential_types::Credentials;
use percent_encoding::percent_decode_str;
use rolecall_sandbox::{Sandbox, World};

use crate::common::{Answer, query};

const A: &str = "111111111111";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// A call and the code it is answered with.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// A sandbox and the administrators of its accounts.
struct Setup {
    sandbox: Sandbox,
    admins: Vec<Credentials>,
}

impl Setup {
    fn new(world: World) -> Self {
        let sandbox = Sandbox::builder().world(world).start().unwrap();
        let admins = sandbox.accounts().into_iter().map(|account| {
            let (id, secret) = (account.access_key_id, account.secret_access_key);
            Credentials::new(id, secret, None, None, "test")
        });
        Self {
            admins: admins.collect(),
            sandbox,
        }
    }

    /// 111111111111 and 222222222222, with nobody but their administrators.
    fn empty() -> Self {
        Self::new(World::empty())
    }

    /// A call of the first account's administrator.
    fn a(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        query(&self.sandbox, &self.admins[0], "iam", action, parameters)
    }

    /// A call of the second account's administrator.
    fn b(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        query(&self.sandbox, &self.admins[1], "iam", action, parameters)
    }

    /// The same, which must be answered well.
    fn good(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let answer = self.a(action, parameters);
        assert_eq!(answer.code(), "200", "{action} {parameters:?}: {}", answer.body);
        answer
    }

    /// Call after call, each with its code.
    fn steps(&self, steps: &[Step<'_>]) {
        for (action, parameters, code) in steps {
            let answer = self.a(action, parameters);
            assert_eq!(answer.code(), *code, "{action} {parameters:?}: {}", answer.body);
        }
    }

    /// A new user with these inline permissions, and its key.
    fn user(&self, name: &str, policy: &str) -> Credentials {
        self.good("CreateUser", &[("UserName", name)]);
        self.good(
            "PutUserPolicy",
            &[
                ("UserName", name),
                ("PolicyName", "own"),
                ("PolicyDocument", policy),
            ],
        );
        self.good("CreateAccessKey", &[("UserName", name)]).credentials()
    }
}

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}}}}}"#
    )
}

fn allow(action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#
    )
}

/// A valid policy of this many characters.
fn policy_of(characters: usize) -> String {
    let empty = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::"}}"#;
    empty.replace("s3:::", &format!("s3:::{}", "x".repeat(characters - empty.len())))
}

/// Every text of an element, decoded where it is a document.
fn texts(answer: &Answer, element: &str) -> Vec<String> {
    answer
        .body
        .split(&format!("<{element}>"))
        .skip(1)
        .filter_map(|rest| rest.split_once(&format!("</{element}>")))
        .map(|(text, _)| percent_decode_str(text).decode_utf8_lossy().into_owned())
        .collect()
}
