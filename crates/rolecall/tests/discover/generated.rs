//! Worlds made at random, the same for the same number.

use serde::Serialize;

pub(crate) const HOME: &str = "111111111111";
const ACCOUNTS: [&str; 3] = [HOME, "222222222222", "333333333333"];
const NAMES: [&str; 5] = ["Dev", "Ops", "team/Web", "joe", "Reader"];

/// Small, quick and the same everywhere (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).expect("31 bits") % sides
    }

    fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn of<'a>(&mut self, several: &[&'a str]) -> &'a str {
        several[self.roll(several.len())]
    }
}

/// A world as plain data: it is built here in the sandbox, and by `conformance/driver/judges/discovery.py` elsewhere.
#[derive(Serialize)]
pub(crate) struct Draft {
    /// The number it is made from.
    pub(crate) seed: u64,
    /// `joe`, or `hub`, a role of his.
    pub(crate) target: &'static str,
    /// How many hops discovery takes.
    pub(crate) hops: u32,
    /// The caller's account is the first.
    pub(crate) accounts: Vec<Home>,
    pub(crate) organization: Option<Bond>,
}

/// An account.
#[derive(Serialize)]
pub(crate) struct Home {
    pub(crate) id: &'static str,
    pub(crate) alias: String,
    /// Managed policies by name.
    pub(crate) managed: Vec<(String, String)>,
    pub(crate) groups: Vec<Holder>,
    pub(crate) users: Vec<Holder>,
    pub(crate) roles: Vec<Holder>,
}

/// Somebody policies are attached to.
#[derive(Serialize)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Of a role.
    pub(crate) trust: Option<String>,
    /// The tag `team`.
    pub(crate) team: Option<String>,
    pub(crate) groups: Vec<String>,
    /// Inline policies by name.
    pub(crate) inline: Vec<(String, String)>,
    /// Names of managed policies of the account.
    pub(crate) attached: Vec<String>,
    pub(crate) boundary: Option<String>,
}

/// An organization: one control policy binds every account but the management's.
#[derive(Serialize)]
pub(crate) struct Bond {
    pub(crate) management: &'static str,
    pub(crate) delegated: bool,
    pub(crate) control: String,
}

impl Draft {
    /// Every role that somebody may ask for; `Hub` is joe's own.
    pub(crate) fn roles(&self) -> Vec<String> {
        let of = |account: &Home| -> Vec<String> {
            let others = account.roles.iter().filter(|role| role.name != "Hub");
            let arn = |role: &Holder| format!("arn:aws:iam::{}:role{}{}", account.id, role.path, role.name);
            others.map(arn).collect()
        };
        self.accounts.iter().flat_map(of).collect()
    }
}

pub(crate) fn draft(seed: u64) -> Draft {
    let mut dice = Dice::new(seed);
    let policies: Vec<String> = (0..1 + dice.roll(4)).map(|_| identity(&mut dice)).collect();
    let boundary = dice.once_in(4).then(|| boundary(&mut dice));
    let denied = dice.once_in(4).then(|| {
        let calls = [
            "iam:GetUser",
            "iam:GetPolicyVersion",
            "iam:ListRoles",
            "iam:ListGroupsForUser",
            "iam:ListUserPolicies",
            "iam:GetGroupPolicy",
            "organizations:*",
            "iam:*",
        ];
        let call = dice.of(&calls);
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"{call}","Resource":"*"}}}}"#
        )
    });
    let is_role = dice.once_in(4);
    let team = dice.of(&["Dev", "Ops"]).to_owned();
    let organization = dice.roll(3);
    let control = identity(&mut dice);
    let asker = Asker {
        policies,
        boundary,
        denied,
        is_role,
        team,
    };
    let mut accounts: Vec<Home> = ACCOUNTS
        .iter()
        .enumerate()
        .map(|(at, id)| account(at, id))
        .collect();
    home(&mut accounts[0], asker);
    for account in &mut accounts {
        for name in NAMES {
            let (path, name) = match name.rsplit_once('/') {
                Some((path, name)) => (format!("/{path}/"), name),
                None => ("/".to_owned(), name),
            };
            let mut role = holder(name, &path);
            role.trust = Some(trust(&mut dice));
            role.inline.push(("all".to_owned(), ALL.to_owned()));
            account.roles.push(role);
        }
    }
    let bond = Bond {
        management: ACCOUNTS[usize::from(organization == 1)],
        delegated: organization == 1,
        control,
    };
    Draft {
        seed,
        target: if is_role { "hub" } else { "joe" },
        hops: u32::try_from(dice.roll(3)).expect("below three"),
        accounts,
        organization: (organization > 0).then_some(bond),
    }
}

const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
/// What lets a caller read everything about themselves. It says nothing of assuming.
const LOOK: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:Get*","iam:List*","organizations:*"],"Resource":"*"}}"#;

fn account(at: usize, id: &'static str) -> Home {
    Home {
        id,
        alias: format!("account-{at}"),
        managed: Vec::new(),
        groups: Vec::new(),
        users: Vec::new(),
        roles: Vec::new(),
    }
}

fn holder(name: &str, path: &str) -> Holder {
    Holder {
        name: name.to_owned(),
        path: path.to_owned(),
        trust: None,
        team: None,
        groups: Vec::new(),
        inline: Vec::new(),
        attached: Vec::new(),
        boundary: None,
    }
}

/// What whoever asks holds.
struct Asker {
    policies: Vec<String>,
    boundary: Option<String>,
    denied: Option<String>,
    is_role: bool,
    team: String,
}

/// The caller's account: the policies come to joe by every way there is, or to his role, which he may always assume.
fn home(account: &mut Home, asker: Asker) {
    let (mut joe, mut group, mut hub) = (
        holder("joe", "/staff/"),
        holder("people", "/"),
        holder("Hub", "/"),
    );
    joe.team = Some(asker.team.clone());
    joe.groups.push("people".to_owned());
    hub.team = Some(asker.team);
    hub.trust = Some(format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"arn:aws:iam::{HOME}:user/staff/joe"}}}}}}"#
    ));
    account.managed.push(("look".to_owned(), LOOK.to_owned()));
    joe.attached.push("look".to_owned());
    hub.inline.push(("look".to_owned(), LOOK.to_owned()));
    for (at, policy) in asker.policies.into_iter().enumerate() {
        let named = (format!("p{at}"), policy);
        match (asker.is_role, at % 3) {
            (true, _) => hub.inline.push(named),
            (false, 0) => joe.inline.push(named),
            (false, 1) => group.inline.push(named),
            (false, _) => {
                joe.attached.push(named.0.clone());
                account.managed.push(named);
            }
        }
    }
    let caller = if asker.is_role { &mut hub } else { &mut joe };
    if let Some(edge) = asker.boundary {
        account.managed.push(("edge".to_owned(), edge));
        caller.boundary = Some("edge".to_owned());
    }
    if let Some(denied) = asker.denied {
        caller.inline.push(("deny".to_owned(), denied));
    }
    account.groups.push(group);
    account.users.push(joe);
    account.roles.push(hub);
}

fn condition(dice: &mut Dice) -> String {
    const CONDITIONS: [&str; 14] = [
        r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
        r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#,
        r#"{"StringEquals":{"sts:ExternalId":"x"}}"#,
        r#"{"StringNotEquals":{"sts:ExternalId":"x"}}"#,
        r#"{"Null":{"sts:ExternalId":"true"}}"#,
        r#"{"StringEquals":{"aws:PrincipalTag/team":"Dev"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}"#,
        r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/staff/*"}}"#,
        r#"{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}"#,
        r#"{"StringEquals":{"aws:username":"joe"}}"#,
        r#"{"StringEquals":{"aws:ResourceAccount":"222222222222"}}"#,
        r#"{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}"#,
        r#"{"StringEquals":{"aws:PrincipalType":"User"},"Bool":{"aws:SecureTransport":"false"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}"#,
    ];
    match dice.once_in(2) {
        true => format!(r#","Condition":{}"#, dice.of(&CONDITIONS)),
        false => String::new(),
    }
}

fn statement(dice: &mut Dice) -> String {
    let effect = if dice.roll(4) == 0 { "Deny" } else { "Allow" };
    let action = dice.of(&[
        r#""Action":"sts:AssumeRole""#,
        r#""Action":["s3:*","STS:assumerole"]"#,
        r#""Action":"sts:*""#,
        r#""Action":"sts:Assume?ole""#,
        r#""Action":"*""#,
        r#""Action":"s3:*""#,
        r#""NotAction":"s3:*""#,
        r#""NotAction":["iam:*","organizations:*","sts:AssumeRole"]"#,
    ]);
    let resource = dice.of(&[
        r#""Resource":"arn:aws:iam::222222222222:role/Dev""#,
        r#""Resource":["arn:aws:iam::333333333333:role/team/Web","arn:aws:iam::333333333333:role/Gone"]"#,
        r#""Resource":"arn:aws:iam::222222222222:role/*""#,
        r#""Resource":"arn:aws:iam::*:role/Ops""#,
        r#""Resource":"arn:aws:iam::*:role/*e*""#,
        r#""Resource":"arn:aws:iam::111111111111:role/D?v""#,
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:iam::*:role/${aws:username}""#,
        r#""Resource":"arn:aws:iam::333333333333:role/${aws:PrincipalTag/team, 'Dev'}""#,
        r#""Resource":"arn:aws:iam::*:role/Reader""#,
        r#""NotResource":"arn:aws:iam::222222222222:role/*""#,
    ]);
    // Nobody is kept from reading by what is meant for roles.
    let (action, resource) = match (effect, action) {
        ("Deny", r#""Action":"*""# | r#""NotAction":"s3:*""#) => (r#""Action":"sts:AssumeRole""#, resource),
        kept => (kept.1, resource),
    };
    format!(
        r#"{{"Effect":"{effect}",{action},{resource}{}}}"#,
        condition(dice)
    )
}

fn identity(dice: &mut Dice) -> String {
    let statements: Vec<String> = (0..1 + dice.roll(3)).map(|_| statement(dice)).collect();
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    )
}

/// A ceiling that leaves reading alone.
fn boundary(dice: &mut Dice) -> String {
    let look = r#"{"Effect":"Allow","Action":["iam:*","organizations:*"],"Resource":"*"}"#;
    let (one, other) = (statement(dice), statement(dice));
    format!(r#"{{"Version":"2012-10-17","Statement":[{look},{one},{other}]}}"#)
}

fn trust(dice: &mut Dice) -> String {
    let statements: Vec<String> = (0..1 + dice.roll(2))
        .map(|_| {
            let effect = if dice.once_in(6) { "Deny" } else { "Allow" };
            let principal = dice.of(&[
                r#""111111111111""#,
                r#""arn:aws:iam::111111111111:root""#,
                r#""arn:aws:iam::111111111111:user/staff/joe""#,
                r#""arn:aws:iam::111111111111:role/Hub""#,
                r#"["222222222222","333333333333"]"#,
                r#""*""#,
            ]);
            let action = dice.of(&["sts:AssumeRole", "sts:*", "sts:TagSession"]);
            format!(
                r#"{{"Effect":"{effect}","Action":"{action}","Principal":{{"AWS":{principal}}}{}}}"#,
                condition(dice)
            )
        })
        .collect();
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    )
}
