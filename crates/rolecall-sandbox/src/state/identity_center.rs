//! IAM Identity Center: who may enter which account under which permission set, and who is signed in now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use rolecall::AccountId;

use super::Policy;

/// Less than this is not worth a look.
const FORGET_AT: usize = 1024;

/// The instance, where the world has one.
pub(crate) struct IdentityCenter {
    /// As `sso_start_url` in the config file has it.
    pub(crate) start_url: String,
    pub(crate) region: String,
    /// How long access tokens last.
    pub(crate) token_seconds: u32,
    /// Names of the directory's users.
    pub(crate) users: BTreeSet<String>,
    /// By name.
    pub(crate) permission_sets: BTreeMap<String, PermissionSet>,
    pub(crate) assignments: Vec<Assignment>,
    /// Who sits at the browser and says yes to everything; without one, pages ask.
    pub(crate) browser: Option<String>,
    pub(crate) signed_in: SignedIn,
}

/// What an assignment becomes in an account: a role `AWSReservedSSO_NAME_…`.
pub(crate) struct PermissionSet {
    /// How long GetRoleCredentials' sessions last.
    pub(crate) session_seconds: u32,
    pub(crate) inline: Option<Policy>,
    pub(crate) attached: Vec<String>,
}

/// A user may enter an account under a permission set.
pub(crate) struct Assignment {
    pub(crate) user: String,
    pub(crate) account: AccountId,
    pub(crate) permission_set: String,
    /// The name of the role in the account.
    pub(crate) role: String,
    /// The ARN of the SAML provider that the role trusts.
    pub(crate) provider: String,
}

/// Who is signed in now, and who is about to be. What is over by the session clock is forgotten by and by.
#[derive(Default)]
pub(crate) struct SignedIn {
    /// By client id.
    pub(crate) clients: HashMap<String, Client>,
    /// By device code.
    pub(crate) devices: HashMap<String, Device>,
    /// By authorization code.
    pub(crate) codes: HashMap<String, Code>,
    /// By access token.
    pub(crate) access: HashMap<String, Grant>,
    /// By refresh token.
    pub(crate) refresh: HashMap<String, Grant>,
    /// How much there may be of it all before it is looked through.
    forget_at: usize,
}

/// A registered client.
pub(crate) struct Client {
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: SystemTime,
}

/// A device that waits for a person.
pub(crate) struct Device {
    pub(crate) client_id: String,
    /// `ABCD-EFGH`, what the person types or compares.
    pub(crate) user_code: String,
    pub(crate) expires: SystemTime,
    pub(crate) verdict: Verdict,
    pub(crate) asked: Option<SystemTime>,
}

/// What the person said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Pending,
    /// By this user of the directory.
    Approved(String),
    Denied,
}

/// An authorization code ("Proof Key for Code Exchange", RFC 7636).
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: SystemTime,
}

/// What a token stands for.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    /// Which signing in it came from, so that signing out ends all of it.
    pub(crate) login: String,
    pub(crate) expires: SystemTime,
}

impl IdentityCenter {
    /// Lets a user approve a waiting device. Whether there are both.
    pub(crate) fn approve(&mut self, user_code: &str, user: &str, now: SystemTime) -> bool {
        let known = self.users.contains(user);
        match self.signed_in.waiting(user_code, now) {
            Some(device) if known => {
                device.verdict = Verdict::Approved(user.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Seats a user of the directory at the browser, or nobody. Whether there is such a user.
    pub(crate) fn seat(&mut self, user: Option<&str>) -> bool {
        let known = user.is_none_or(|user| self.users.contains(user));
        if known {
            self.browser = user.map(str::to_owned);
        }
        known
    }

    /// Whether an address is this instance's start URL, however its end is spelled.
    pub(crate) fn is_start_url(&self, url: &str) -> bool {
        let bare = |url: &str| url.trim_end_matches(['#', '/']).to_owned();
        bare(url) == bare(&self.start_url)
    }
}

impl SignedIn {
    /// The device with this user code that still waits.
    pub(crate) fn waiting(&mut self, user_code: &str, now: SystemTime) -> Option<&mut Device> {
        let typed = |text: &str| text.replace('-', "").to_ascii_uppercase();
        let wanted = typed(user_code.trim());
        self.devices.values_mut().find(|device| {
            typed(&device.user_code) == wanted && device.verdict == Verdict::Pending && now < device.expires
        })
    }

    /// Ends everything that came from one signing in.
    pub(crate) fn sign_out(&mut self, login: &str) {
        self.access.retain(|_, grant| grant.login != login);
        self.refresh.retain(|_, grant| grant.login != login);
    }

    /// Ends every access token now, as if its time had come.
    pub(crate) fn end_access(&mut self, now: SystemTime) {
        for grant in self.access.values_mut() {
            grant.expires = now;
        }
    }

    /// Ends every refresh token now: whoever holds one has to sign in again.
    pub(crate) fn end_refresh(&mut self, now: SystemTime) {
        for grant in self.refresh.values_mut() {
            grant.expires = now;
        }
    }

    /// Forgets what was over a day ago: until then, what is over is told from what never was. It looks each time there is
    /// twice as much as was left, so that one more costs no more than the one before.
    pub(crate) fn forget(&mut self, now: SystemTime) {
        if self.len() < self.forget_at {
            return;
        }
        let recent = |expires: SystemTime| {
            now.duration_since(expires)
                .map_or(true, |over| over.as_secs() < 86_400)
        };
        self.clients.retain(|_, client| recent(client.expires));
        self.devices.retain(|_, device| recent(device.expires));
        self.codes.retain(|_, code| recent(code.expires));
        self.access.retain(|_, grant| recent(grant.expires));
        self.refresh.retain(|_, grant| recent(grant.expires));
        self.forget_at = FORGET_AT.max(self.len() * 2);
    }

    fn len(&self) -> usize {
        self.clients.len() + self.devices.len() + self.codes.len() + self.access.len() + self.refresh.len()
    }
}
