//! Joe, his key in the vault, and an administrator who looks at what IAM has.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use rolecall::host::{Choice, MfaQuestion, Nobody, Person, SecretQuestion, SignIn};
use rolecall::rotation::{Done, Rotated, Rotation, Undone, unfinished};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, Host, Provider, Request, Secret};
use rolecall_sandbox::client::Client;
use rolecall_sandbox::{Account, Role, Sandbox, User, World};
use tempfile::TempDir;

use crate::aws::Aws;

pub(crate) const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";
pub(crate) const SEED: &str = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR";
/// What a rotation needs, as `docs/vault.md` has it.
pub(crate) const NEEDED: [&str; 5] = [
    "iam:ListAccessKeys",
    "iam:GetAccessKeyLastUsed",
    "iam:CreateAccessKey",
    "iam:UpdateAccessKey",
    "iam:DeleteAccessKey",
];
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:root"}}}"#;

pub(crate) fn allow(actions: &[&str]) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"},
    })
    .to_string()
}

pub(crate) fn everything() -> String {
    let actions: Vec<_> = NEEDED.iter().copied().chain(["sts:AssumeRole"]).collect();
    allow(&actions)
}

/// Knows the passphrase, and shows what the sandbox's device shows.
#[derive(Clone, Debug)]
pub(crate) struct Joe {
    sandbox: Arc<Sandbox>,
    pub(crate) codes: Arc<Mutex<usize>>,
}

impl Person for Joe {
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        *self.codes.lock().unwrap() += 1;
        Ok(Secret::new(self.sandbox.mfa_code(&question.serial).unwrap()))
    }

    fn secret(&self, _question: &SecretQuestion) -> Result<Secret, Error> {
        Ok(Secret::new("open sesame".to_owned()))
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        Nobody.choose(choice)
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        Nobody.sign_in(page)
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

pub(crate) struct Desk {
    pub(crate) aws: Aws,
    pub(crate) home: TempDir,
    pub(crate) joe: Joe,
    pub(crate) host: Host,
    /// The key that is in the vault at first.
    pub(crate) first: String,
    /// One for everything, so that the passphrase is asked for once.
    pub(crate) provider: Provider,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(User::new("joe").policy("may", &everything()), "")
    }

    pub(crate) fn with(joe: User, config: &str) -> Self {
        Self::of(Aws::with(Sandbox::builder().world(world(joe))), config)
    }

    /// For many calls: the log is held at warnings.
    pub(crate) fn of(aws: Aws, config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        let config = format!(
            "[profile joe]\nregion = eu-west-1\n{config}\n[profile admin]\nrole_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = joe\n"
        );
        fs::write(home.path().join(".aws/config"), config).unwrap();
        let joe = Joe {
            sandbox: Arc::clone(&aws.sandbox),
            codes: Arc::default(),
        };
        let host = aws
            .host_builder()
            .env("HOME", home.path().to_str().unwrap())
            .env("ROLECALL_VAULT_BACKEND", "file")
            .person(joe.clone())
            .build();
        let keys = aws.sandbox.user_keys("joe").unwrap();
        let key = AccessKey::new(&keys.access_key_id, Secret::new(keys.secret_access_key)).unwrap();
        let vault = Vault::of(&host);
        quick_identity(&home.path().join(".local/share/rolecall/vault"));
        vault
            .add(
                "joe",
                &key,
                BackendKind::File,
                Some("arn:aws:iam::111111111111:user/joe"),
            )
            .unwrap();
        let provider = provider(&host, "joe");
        Self {
            aws,
            home,
            joe,
            host,
            first: keys.access_key_id,
            provider,
        }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.aws.sandbox
    }

    pub(crate) fn vault_folder(&self) -> std::path::PathBuf {
        self.home.path().join(".local/share/rolecall/vault")
    }

    pub(crate) async fn prepared(&self) -> Result<Rotation<'_>, Error> {
        let rotation = Rotation::prepare(&self.provider, "joe").await?;
        Ok(rotation.patience(Duration::from_secs(20)))
    }

    /// A rotation, and what was said to be done.
    pub(crate) async fn rotate(&self) -> (Result<Rotated, Error>, Vec<Done>) {
        let mut done = Vec::new();
        let outcome = match self.prepared().await {
            Ok(rotation) => rotation.run(&mut |it| done.push(it.clone())).await,
            Err(error) => Err(error),
        };
        (outcome, done)
    }

    pub(crate) async fn abort(&self) -> (Result<Undone, Error>, Vec<Done>) {
        let mut done = Vec::new();
        let outcome = match self.prepared().await {
            Ok(rotation) => rotation.abort(&mut |it| done.push(it.clone())).await,
            Err(error) => Err(error),
        };
        (outcome, done)
    }

    /// A refusal that reads well.
    pub(crate) fn refusal<T: std::fmt::Debug>(&self, outcome: Result<T, Error>) -> Error {
        let error = outcome.unwrap_err();
        self.aws.assert_sentence(&error);
        error
    }

    pub(crate) fn admin(&self) -> aws_sdk_iam::Client {
        let accounts = self.sandbox().accounts();
        let admin = accounts
            .iter()
            .find(|account| account.id == "111111111111")
            .unwrap();
        let credentials = Credentials::new(
            &admin.access_key_id,
            &admin.secret_access_key,
            None,
            None,
            "a test",
        );
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.sandbox().endpoint())
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_iam::Client::from_conf(config)
    }

    /// Joe's keys as IAM has them: the id, and whether it is active.
    pub(crate) async fn keys(&self) -> Vec<(String, bool)> {
        let reply = self
            .admin()
            .list_access_keys()
            .user_name("joe")
            .send()
            .await
            .unwrap();
        let keys = reply.access_key_metadata.into_iter();
        keys.map(|key| {
            let is_active = key.status == Some(aws_sdk_iam::types::StatusType::Active);
            (key.access_key_id.unwrap(), is_active)
        })
        .collect()
    }

    /// The id of the key that the list names.
    pub(crate) fn listed(&self) -> String {
        let list = Vault::of(&self.host).list().unwrap();
        list.entry("joe").unwrap().access_key_id.clone()
    }

    /// Whether the key in the vault is taken by AWS, by a process that has just begun.
    pub(crate) async fn vault_key_works(&self) -> bool {
        let key = Vault::of(&self.host).key("joe").unwrap();
        let credentials =
            aws_credential_types::Credentials::new(key.id(), key.secret().expose(), None, None, "a test");
        let client = Client::new(self.sandbox().endpoint(), "us-east-1", credentials);
        client
            .get_caller_identity()
            .await
            .is_ok_and(|identity| identity.arn == "arn:aws:iam::111111111111:user/joe")
    }

    /// IAM has this key and no other, it is active, the vault has it and nothing else, and nothing is left to be done.
    pub(crate) async fn assert_only(&self, id: &str) {
        assert_eq!(self.keys().await, [(id.to_owned(), true)]);
        assert_eq!(self.listed(), id);
        assert!(self.vault_key_works().await);
        assert!(unfinished(&self.host).unwrap().is_empty());
        assert!(Vault::of(&self.host).orphans().unwrap().is_empty());
        self.assert_no_leak();
    }

    /// No file holds a secret in the clear.
    pub(crate) fn assert_no_leak(&self) {
        let secrets = self.sandbox().secrets();
        let mut seen = 0;
        walk(self.home.path(), &mut |path| {
            let leaks = secrets.leaks_in(&fs::read(path).unwrap());
            assert!(leaks.is_empty(), "{} holds {leaks:?}", path.display());
            seen += 1;
        });
        assert!(seen >= 4, "only {seen} files were looked at");
    }
}

pub(crate) fn world(joe: User) -> World {
    World::new()
        .account(Account::new("111111111111").user(joe))
        .account(Account::new("222222222222").role(Role::new("Admin", TRUST)))
}

pub(crate) fn provider(host: &Host, target: &str) -> Provider {
    let request = Request {
        target: Some(target.to_owned()),
        ..Request::default()
    };
    Provider::builder(host.clone()).request(request).build().unwrap()
}

/// An identity under the passphrase that costs no second to unlock: what is tested here is not how long that takes.
fn quick_identity(folder: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .unwrap();
    let mut by = age::scrypt::Recipient::new("open sesame".to_owned().into());
    by.set_work_factor(1);
    let identity = age::x25519::Identity::generate().to_string();
    let sealed = age::encrypt(
        &by,
        age::secrecy::ExposeSecret::expose_secret(&identity).as_bytes(),
    )
    .unwrap();
    let path = folder.join("identity.age");
    fs::write(&path, sealed).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn walk(folder: &Path, see: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, see);
        } else {
            see(&path);
        }
    }
}
