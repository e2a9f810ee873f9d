//! `rolecall demo`: the main job told step by step, against the sandbox. Everything in it is real but the AWS.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rolecall::chain::Request;
use rolecall::discover;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::session::masked_key_id;
use rolecall::{Error, ErrorKind, Host, Provider, SessionCache};
use rolecall_sandbox::Sandbox;
use rolecall_sandbox::client::{CallError, Client};

use super::plan;
use crate::command_error::{CommandError, Ended};
use crate::output;

/// How long sessions last in the demo: long enough to be used, short enough to watch one end.
const SESSION_SECONDS: u64 = 4;
const REGION: &str = "us-east-1";
const TOPIC: &str = "arn:aws:sns:us-east-1:666666666666:blah-events";

pub(crate) fn run(host: &Host) -> Result<Ended, CommandError> {
    let sandbox = Sandbox::builder()
        .session_seconds(SESSION_SECONDS)
        .start()
        .map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the sandbox cannot start: {error}"),
            )
        })?;
    let mut demo = Demo::new(host, sandbox)?;
    super::block_on(async { demo.tell().await })?;
    Ok(Ended::WELL)
}

struct Demo {
    sandbox: Sandbox,
    host: Host,
    profiles: Arc<ProfileSet>,
    cache: Arc<SessionCache>,
    /// Everything that was printed, for the search at the end.
    said: String,
    step: u8,
}

impl Demo {
    fn new(host: &Host, sandbox: Sandbox) -> Result<Self, Error> {
        // A world of its own: the user's environment and files play no part.
        let own = Host::builder()
            .env("AWS_ENDPOINT_URL", sandbox.endpoint())
            .login_name(host.login_name().unwrap_or_default());
        let mut profiles = ProfileSet::default();
        profiles.add(FileKind::Config, Path::new("config"), &sandbox.config_file())?;
        profiles.add(
            FileKind::Credentials,
            Path::new("credentials"),
            &sandbox.credentials_file(),
        )?;
        Ok(Self {
            sandbox,
            host: own.build(),
            profiles: Arc::new(profiles),
            cache: Arc::new(SessionCache::new()),
            said: String::new(),
            step: 0,
        })
    }

    fn say(&mut self, text: &str) -> Result<(), CommandError> {
        self.said.push_str(text);
        output::print(text)
    }

    fn step(&mut self, title: &str) -> Result<(), CommandError> {
        self.step += 1;
        self.say(&format!("\n{}. {title}\n", self.step))
    }

    fn line(&mut self, text: &str) -> Result<(), CommandError> {
        self.say(&format!("   {text}\n"))
    }

    fn provider(&self, request: Request) -> Result<Provider, Error> {
        Provider::builder(self.host.clone())
            .profiles(&self.profiles)
            .cache(&self.cache)
            .request(request)
            .build()
    }

    fn target(&self, target: &str) -> Result<Provider, Error> {
        self.provider(Request {
            target: Some(target.to_owned()),
            ..Request::default()
        })
    }

    fn client(&self, credentials: aws_credential_types::Credentials) -> Client {
        Client::new(self.sandbox.endpoint(), REGION, credentials)
    }

    async fn tell(&mut self) -> Result<(), CommandError> {
        self.say("The main job, against an AWS of our own on this machine. No AWS account is involved.\n")?;
        self.find().await?;
        let blah = self.beginning()?;
        self.use_the_role(&blah).await?;
        self.external_id().await?;
        self.expiry_and_renewal(&blah).await?;
        self.nothing_secret()
    }

    async fn find(&mut self) -> Result<(), CommandError> {
        self.step("Two accounts")?;
        self.line(
            "111111111111 has a user, joe.bloggs. 666666666666 has a role, BlahRole, a bucket and a topic.",
        )?;
        self.step("Which role it is stands in joe's own policies (rolecall roles joe)")?;
        let found = discover::roles(&self.target("joe")?, 0).await?;
        let table = super::roles::table(&found);
        for line in table.lines() {
            self.line(line)?;
        }
        Ok(())
    }

    fn beginning(&mut self) -> Result<Provider, CommandError> {
        self.line("Profile `blah` names the role, and profile `joe` as the source to assume it with.")?;
        self.step("The plan: how `blah` is reached (rolecall plan blah). Nothing is called for it")?;
        let blah = self.target("blah")?;
        let plan: String = plan::as_text(blah.host(), blah.chain(), None, None)
            .lines()
            .map(|line| format!("   {line}\n"))
            .collect();
        self.say(&plan)?;
        Ok(blah)
    }

    async fn use_the_role(&mut self, blah: &Provider) -> Result<(), CommandError> {
        self.step("AssumeRole, and both services called in the other account")?;
        let session = blah.session().await?;
        let client = self.client(session.credentials().clone());
        let identity = client.get_caller_identity().await.map_err(unexpected)?;
        self.line(&format!("STS says we are {}", identity.arn))?;
        let buckets = client.list_buckets().await.map_err(unexpected)?;
        self.line(&format!(
            "S3 lists the buckets of {}: {}",
            identity.account,
            buckets.join(", ")
        ))?;
        let message = client
            .publish(TOPIC, "hello from another account")
            .await
            .map_err(unexpected)?;
        self.line(&format!("SNS took a message to blah-events: {message}"))
    }

    async fn external_id(&mut self) -> Result<(), CommandError> {
        self.step("A role that demands an ExternalId")?;
        let role = "arn:aws:iam::666666666666:role/PartnerRole";
        let mut request = Request {
            target: Some(role.to_owned()),
            source_profile: Some("joe".to_owned()),
            ..Request::default()
        };
        request.external_id = Some("wrong-id".parse().map_err(Error::from)?);
        match self.provider(request)?.session().await {
            Err(error) if error.kind() == ErrorKind::Denied => {
                self.line(&format!("with a wrong one: {error}"))?;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {
                return Err(Error::new(ErrorKind::Internal, "the sandbox let a wrong ExternalId in").into());
            }
        }
        let partner = self.target("partner")?;
        let whom = partner.session().await?;
        let whom = whom.principal().map(ToString::to_string).unwrap_or_default();
        self.line(&format!(
            "with the right one, from profile `partner`: we are {whom}"
        ))
    }

    async fn expiry_and_renewal(&mut self, blah: &Provider) -> Result<(), CommandError> {
        self.step(&format!(
            "Sessions end, here after {SESSION_SECONDS} seconds; nobody has to notice"
        ))?;
        let first = blah.session().await?;
        let stale = first.credentials().clone();
        self.line(&format!(
            "session {} is in use; a call every half second goes on",
            masked_key_id(stale.access_key_id())
        ))?;
        let (mut calls, mut keys, mut refused) = (0, BTreeSet::new(), None);
        while keys.len() < 3 || refused.is_none() {
            let session = blah.session().await?;
            let id = session.credentials().access_key_id().to_owned();
            let client = self.client(session.credentials().clone());
            client.list_buckets().await.map_err(unexpected)?;
            client.publish(TOPIC, "still here").await.map_err(unexpected)?;
            calls += 2;
            if keys.insert(id.clone()) && id != stale.access_key_id() {
                self.line(&format!("renewed: session {} has taken over", masked_key_id(&id)))?;
            }
            if refused.is_none() {
                refused = self.client(stale.clone()).list_buckets().await.err();
                if let Some(error) = &refused {
                    let error = error.to_string();
                    self.line(&format!(
                        "the first session has ended; with it S3 now says {error}"
                    ))?;
                }
            }
            if calls > 60 {
                return Err(Error::new(ErrorKind::Internal, "the sandbox never ended a session").into());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.line(&format!("{calls} calls, {} sessions, no call failed", keys.len()))
    }

    fn nothing_secret(&mut self) -> Result<(), CommandError> {
        self.step("Nothing secret was shown")?;
        let leaks = self.sandbox.secrets().leaks_in(self.said.as_bytes());
        if !leaks.is_empty() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("the output held a secret: {leaks:?}"),
            )
            .into());
        }
        self.line("Every line above was searched for every secret the sandbox issued: there is none.")?;
        self.say(
            "\nNow yours:   rolecall sandbox -- bash      then   rolecall exec blah -- aws s3 ls\n\
             With AWS:    rolecall profiles              then   rolecall exec PROFILE -- CMD\n",
        )
    }
}

fn unexpected(error: CallError) -> CommandError {
    Error::new(
        ErrorKind::Internal,
        format!("the sandbox refused what it should allow: {error}"),
    )
    .into()
}
