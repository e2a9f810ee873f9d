//! Drafts of worlds, built in the sandbox.

use rolecall_sandbox::{Account, Group, Organization, Role, Unit, User, World};

use crate::generated::{Bond, Draft, HOME, Holder, Home};

impl Draft {
    /// The world.
    pub(crate) fn world(&self) -> World {
        let world = self.accounts(false);
        match &self.organization {
            Some(bond) => world.organization(self.bound(bond)),
            None => world,
        }
    }

    /// The same world, in which every account but the caller's trusts the caller's, and no organization binds anybody.
    pub(crate) fn open(&self) -> World {
        self.accounts(true)
    }

    fn accounts(&self, is_open: bool) -> World {
        let open = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{HOME}"}}}}}}"#
        );
        let mut world = World::new();
        for home in &self.accounts {
            let mut account = without_roles(home);
            for role in &home.roles {
                let own = role.trust.as_deref().unwrap();
                let trust = if is_open && home.id != HOME { &open } else { own };
                account = account.role(built(role, trust));
            }
            world = world.account(account);
        }
        world = world.profile_for_user("joe", HOME, "joe");
        world.profile_for_role("hub", &format!("arn:aws:iam::{HOME}:role/Hub"), "joe", None)
    }

    fn bound(&self, bond: &Bond) -> Organization {
        let mut of = Organization::new(bond.management).control_policy("control", &bond.control);
        let mut unit = Unit::new("Work").attach("control");
        for home in self.accounts.iter().filter(|home| home.id != bond.management) {
            unit = unit.account(home.id);
        }
        if bond.delegated {
            of = of.delegated(HOME);
        }
        of.unit(unit)
    }
}

fn without_roles(home: &Home) -> Account {
    let mut account = Account::new(home.id).alias(&home.alias);
    for (name, text) in &home.managed {
        account = account.managed_policy(name, text);
    }
    for group in &home.groups {
        let inline = group.inline.iter();
        account = account.group(inline.fold(Group::new(&group.name), |group, (name, text)| {
            group.policy(name, text)
        }));
    }
    for user in &home.users {
        let mut built = User::new(&user.name).path(&user.path);
        for group in &user.groups {
            built = built.group(group);
        }
        for (name, text) in &user.inline {
            built = built.policy(name, text);
        }
        for name in &user.attached {
            built = built.attach(name);
        }
        if let Some(team) = &user.team {
            built = built.tag("team", team);
        }
        if let Some(edge) = &user.boundary {
            built = built.boundary(edge);
        }
        account = account.user(built);
    }
    account
}

fn built(role: &Holder, trust: &str) -> Role {
    let mut built = Role::new(&role.name, trust).path(&role.path);
    for (name, text) in &role.inline {
        built = built.policy(name, text);
    }
    if let Some(team) = &role.team {
        built = built.tag("team", team);
    }
    if let Some(edge) = &role.boundary {
        built = built.boundary(edge);
    }
    built
}
