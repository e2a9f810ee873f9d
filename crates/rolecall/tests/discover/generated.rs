//! Worlds made at random, the same for the same number.

use rolecall_sandbox::{Account, Group, Organization, Role, Unit, User, World};

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
        usize::try_from(drawn).unwrap() % sides
    }

    fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn of<'a>(&mut self, several: &[&'a str]) -> &'a str {
        several[self.roll(several.len())]
    }
}

/// A world, everything in it that can be asked for, and who asks.
pub(crate) struct Generated {
    pub(crate) world: World,
    /// The same world, in which every account but the caller's trusts the caller's, and no organization binds anybody.
    pub(crate) open: World,
    pub(crate) roles: Vec<String>,
    /// `joe`, or a role of his.
    pub(crate) target: &'static str,
    pub(crate) hops: u32,
}

pub(crate) fn generated(seed: u64) -> Generated {
    let mut dice = Dice::new(seed);
    let policies: Vec<String> = (0..1 + dice.roll(4)).map(|_| identity(&mut dice)).collect();
    let boundary = dice.once_in(4).then(|| boundary(&mut dice));
    let denied_read = dice.once_in(4).then(|| {
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
    let trusts: Vec<(usize, &str, String)> = ACCOUNTS
        .iter()
        .enumerate()
        .flat_map(|(at, _)| NAMES.iter().map(move |name| (at, *name)))
        .map(|(at, name)| (at, name, trust(&mut dice)))
        .collect();
    let build = |is_open: bool| {
        let mut world = World::new();
        for (at, id) in ACCOUNTS.iter().enumerate() {
            let mut account = Account::new(id).alias(&format!("account-{at}"));
            if at == 0 {
                let of_joe = Asker {
                    policies: &policies,
                    boundary: boundary.as_deref(),
                    denied: denied_read.as_deref(),
                };
                account = home(account, &of_joe, is_role, &team);
            }
            for (_, name, trust) in trusts.iter().filter(|(of, ..)| *of == at) {
                let (path, name) = name
                    .rsplit_once('/')
                    .map_or(("/".to_owned(), *name), |(path, name)| {
                        (format!("/{path}/"), name)
                    });
                let open = format!(
                    r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{HOME}"}}}}}}"#
                );
                let trust = if is_open && at > 0 { &open } else { trust };
                account = account.role(Role::new(name, trust).path(&path).policy("all", ALL));
            }
            world = world.account(account);
        }
        if organization > 0 && !is_open {
            let management = ACCOUNTS[usize::from(organization == 1)];
            let mut of = Organization::new(management).control_policy("control", &control);
            let mut unit = Unit::new("Work").attach("control");
            for id in ACCOUNTS.iter().filter(|id| **id != management) {
                unit = unit.account(id);
            }
            if organization == 1 {
                of = of.delegated(HOME);
            }
            world = world.organization(of.unit(unit));
        }
        world = world.profile_for_user("joe", HOME, "joe");
        world.profile_for_role("hub", &format!("arn:aws:iam::{HOME}:role/Hub"), "joe", None)
    };
    let roles = trusts
        .iter()
        .map(|(at, name, _)| format!("arn:aws:iam::{}:role/{name}", ACCOUNTS[*at]));
    Generated {
        roles: roles.collect(),
        target: if is_role { "hub" } else { "joe" },
        hops: u32::try_from(dice.roll(3)).unwrap(),
        world: build(false),
        open: build(true),
    }
}

const ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
/// What lets a caller read everything about themselves. It says nothing of assuming.
const LOOK: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:Get*","iam:List*","organizations:*"],"Resource":"*"}}"#;

/// What whoever asks holds.
struct Asker<'a> {
    policies: &'a [String],
    boundary: Option<&'a str>,
    denied: Option<&'a str>,
}

/// The caller's account: the policies come to joe by every way there is, or to his role, which he may always assume.
fn home(mut account: Account, asker: &Asker<'_>, is_role: bool, team: &str) -> Account {
    let (mut joe, mut group) = (
        User::new("joe").path("/staff/").tag("team", team),
        Group::new("people"),
    );
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"arn:aws:iam::{HOME}:user/staff/joe"}}}}}}"#
    );
    let mut hub = Role::new("Hub", &trust).policy("look", LOOK).tag("team", team);
    account = account.managed_policy("look", LOOK);
    joe = joe.attach("look").group("people");
    for (at, policy) in asker.policies.iter().enumerate() {
        let name = format!("p{at}");
        match (is_role, at % 3) {
            (true, _) => hub = hub.policy(&name, policy),
            (false, 0) => joe = joe.policy(&name, policy),
            (false, 1) => group = group.policy(&name, policy),
            (false, _) => {
                account = account.managed_policy(&name, policy);
                joe = joe.attach(&name);
            }
        }
    }
    if let Some(edge) = asker.boundary {
        account = account.managed_policy("edge", edge);
        (joe, hub) = if is_role {
            (joe, hub.boundary("edge"))
        } else {
            (joe.boundary("edge"), hub)
        };
    }
    if let Some(denied) = asker.denied {
        (joe, hub) = if is_role {
            (joe, hub.policy("deny", denied))
        } else {
            (joe.policy("deny", denied), hub)
        };
    }
    account.group(group).user(joe).role(hub)
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
