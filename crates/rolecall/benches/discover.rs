//! What it costs to weigh 10,000 roles of 1,000 accounts once everything is read: a user with twenty policies, and a trust
//! policy of each role's own. Beside it the plain decision of the same policies, which has nothing left open and tells nothing.

use std::collections::BTreeSet;

use divan::Bencher;
use rolecall::discover::{Caller, Held, Holdings, Part};
use rolecall::index::RoleVerdict;
use rolecall::policy::{Context, Document, Policies, PolicySource, Request, evaluate};
use rolecall::{CallerIdentity, RoleArn};

const ACCOUNTS: u64 = 1_000;
const ROLES: u64 = 10;
const POLICIES: u64 = 20;
const JOE: &str = "arn:aws:iam::111111111111:user/joe";

fn main() {
    divan::main();
}

/// The numbered one.
#[divan::bench(sample_count = 10)]
fn judge_10000_roles(bencher: Bencher<'_, '_>) {
    let (holdings, roles) = (holdings(), roles());
    bencher.bench(|| {
        let verdicts = roles
            .iter()
            .map(|(role, trust)| holdings.judge(role, Some(trust)).verdict);
        let mut of = [0; 3];
        for verdict in verdicts {
            match verdict {
                RoleVerdict::Allowed => of[0] += 1,
                RoleVerdict::Conditional => of[1] += 1,
                _ => of[2] += 1,
            }
        }
        // Of ten roles in each account two are for tools alone, two want an ExternalId, and six trust joe's account.
        assert_eq!(of, [6_000, 2_000, 2_000]);
    });
}

#[divan::bench(sample_count = 10)]
fn decide_10000_roles(bencher: Bencher<'_, '_>) {
    let (holdings, roles) = (holdings(), roles());
    let principal = holdings.principal();
    bencher.bench(|| {
        let allowed = roles.iter().filter(|(role, trust)| {
            let text = role.to_string();
            let request = Request {
                principal: &principal,
                action: "sts:AssumeRole",
                resource: &text,
                resource_account: role.account(),
                context: &holdings.context,
            };
            let held = |held| -> PolicySource<'_> {
                let held: &Held = held;
                PolicySource {
                    name: &held.name,
                    document: &held.document,
                }
            };
            let policies = Policies {
                identity: holdings.policies.iter().map(held).collect(),
                trust: Some(PolicySource {
                    name: "trust",
                    document: trust,
                }),
                ..Policies::default()
            };
            evaluate(&request, &policies).is_allowed()
        });
        assert_eq!(allowed.count(), 6_000);
    });
}

fn holdings() -> Holdings {
    let identity = CallerIdentity {
        arn: JOE.to_owned(),
        account: "111111111111".to_owned(),
        user_id: "AIDAEXAMPLEJOE000000".to_owned(),
    };
    let policies = (0..POLICIES).map(|n| {
        let document = document(&format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Sid":"Data","Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::data-{n}/*"}},
                {{"Sid":"Teams","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/team-{n}/*"}},
                {{"Sid":"Roles","Effect":"Allow","Action":"sts:Assume*","Resource":"arn:aws:iam::*:role/Role{n}"}},
                {{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/Never{n}"}}]}}"#
        ));
        Held::new("user joe", &format!("p{n}"), None, document)
    });
    let mut context = Context::new();
    context.set("aws:PrincipalArn", JOE);
    context.set("aws:username", "joe");
    Holdings {
        caller: Caller::of(identity).expect("joe is somebody"),
        arn: JOE.to_owned(),
        policies: policies.collect(),
        opaque: BTreeSet::new(),
        boundary: Part::Read(None),
        session: None,
        service_control: Part::Read(None),
        context: context.in_doubt(|_| false),
        tags: None,
        unread: Vec::new(),
    }
}

fn roles() -> Vec<(RoleArn, Document)> {
    let of_account = |account| {
        (0..ROLES).map(move |n| {
            let arn = format!("arn:aws:iam::{}:role/Role{n}", 200_000_000_000_u64 + account);
            let (principal, condition) = match n {
                0 | 1 => (r#"{"Service":"ec2.amazonaws.com"}"#, String::new()),
                2 | 3 => (
                    r#"{"AWS":"111111111111"}"#,
                    format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"x-{account}-{n}"}}}}"#),
                ),
                _ => (r#"{"AWS":"arn:aws:iam::111111111111:root"}"#, String::new()),
            };
            let trust = document(&format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}{condition}}}}}"#
            ));
            (arn.parse().expect("the roles of this file are right"), trust)
        })
    };
    (0..ACCOUNTS).flat_map(of_account).collect()
}

fn document(text: &str) -> Document {
    text.parse().expect("the policies of this file are right")
}
