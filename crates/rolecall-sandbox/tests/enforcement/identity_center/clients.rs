//! AWS's own clients sign in without a person, stay signed in, and hear why they no longer are.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sso::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use rolecall_sandbox::Sandbox;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{A, B, DEVICE_GRANT, START, start};
use crate::common::query;
use crate::rest::{get, post_json, rest};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://127.0.0.1:49152/oauth/callback";
const SCOPE: &str = "sso:account:access";

fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// Both services at one endpoint, and a registered client.
struct Clients<'a> {
    sandbox: &'a Sandbox,
    oidc: aws_sdk_ssooidc::Client,
    portal: aws_sdk_sso::Client,
    id: String,
    secret: String,
}

/// What a code or a refresh token became.
struct Tokens {
    access: String,
    refresh: String,
}

impl<'a> Clients<'a> {
    async fn new(sandbox: &'a Sandbox) -> Self {
        let region = Region::new("eu-central-1");
        let oidc = aws_sdk_ssooidc::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .endpoint_url(sandbox.endpoint())
            .http_client(http())
            .build();
        let portal = aws_sdk_sso::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .endpoint_url(sandbox.endpoint())
            .http_client(http())
            .build();
        let oidc = aws_sdk_ssooidc::Client::from_conf(oidc);
        let registered = oidc
            .register_client()
            .client_name("test")
            .client_type("public")
            .scopes(SCOPE)
            .grant_types("authorization_code")
            .grant_types("refresh_token")
            .grant_types(DEVICE_GRANT)
            .redirect_uris("http://127.0.0.1/oauth/callback")
            .issuer_url(START)
            .send()
            .await
            .expect("a registration");
        Self {
            sandbox,
            oidc,
            portal: aws_sdk_sso::Client::from_conf(portal),
            id: registered.client_id().expect("an id").to_owned(),
            secret: registered.client_secret().expect("a secret").to_owned(),
        }
    }

    fn create(
        &self,
        grant: &str,
    ) -> aws_sdk_ssooidc::operation::create_token::builders::CreateTokenFluentBuilder {
        self.oidc
            .create_token()
            .client_id(&self.id)
            .client_secret(&self.secret)
            .grant_type(grant)
    }

    /// What a browser would bring back: the parameter of the address that it is sent to.
    fn browse(&self) -> Option<String> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let answer = get(
            self.sandbox,
            "/authorize",
            &[
                ("response_type", "code"),
                ("client_id", &self.id),
                ("redirect_uri", CALLBACK),
                ("state", "s-1"),
                ("code_challenge_method", "S256"),
                ("code_challenge", &challenge),
                ("scopes", SCOPE),
            ],
        );
        let location = answer.header("location")?;
        let query = location.strip_prefix(CALLBACK)?.strip_prefix('?')?;
        let find = |name: &str| {
            query.split('&').find_map(|pair| {
                let (found, value) = pair.split_once('=')?;
                let decoded = percent_decode_str(value).decode_utf8().ok()?;
                (found == name).then(|| decoded.into_owned())
            })
        };
        assert_eq!(find("state").as_deref(), Some("s-1"));
        find("code")
    }

    async fn by_code(&self) -> Tokens {
        let code = self.browse().expect("a redirect with a code");
        let answer = self
            .create("authorization_code")
            .code(code)
            .redirect_uri(CALLBACK)
            .code_verifier(VERIFIER)
            .send()
            .await
            .expect("tokens");
        Tokens {
            access: answer.access_token().expect("a token").to_owned(),
            refresh: answer.refresh_token().expect("a token").to_owned(),
        }
    }

    async fn refresh(&self, token: &str) -> Result<Tokens, String> {
        match self.create("refresh_token").refresh_token(token).send().await {
            Ok(answer) => Ok(Tokens {
                access: answer.access_token().expect("a token").to_owned(),
                refresh: answer.refresh_token().expect("a token").to_owned(),
            }),
            Err(error) => Err(error.code().unwrap_or_default().to_owned()),
        }
    }

    /// The accounts, or the error's code.
    async fn accounts(&self, token: &str) -> Result<Vec<String>, String> {
        match self.portal.list_accounts().access_token(token).send().await {
            Ok(answer) => Ok(answer
                .account_list()
                .iter()
                .map(|account| account.account_id().unwrap_or_default().to_owned())
                .collect()),
            Err(error) => Err(error.code().unwrap_or_default().to_owned()),
        }
    }
}

fn run<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(what)
}

const OVER: &str = "UnauthorizedException";
const NO_GRANT: &str = "InvalidGrantException";

#[test]
fn a_browser_is_all_that_pkce_takes() {
    let sandbox = start();
    assert!(!sandbox.set_browser_user(Some("nobody")));
    run(async {
        let clients = Clients::new(&sandbox).await;
        assert_eq!(clients.browse(), None, "without a person, the page asks");
        assert!(sandbox.set_browser_user(Some("ann")));
        let first = clients.by_code().await;
        assert_eq!(clients.accounts(&first.access).await.unwrap(), [A, B]);
        let roles = clients
            .portal
            .list_account_roles()
            .access_token(&first.access)
            .account_id(A)
            .send()
            .await
            .unwrap();
        let names: Vec<_> = roles
            .role_list()
            .iter()
            .filter_map(|role| role.role_name())
            .collect();
        assert_eq!(names, ["Nothing", "Reader"]);
        let found = clients
            .portal
            .get_role_credentials()
            .access_token(&first.access)
            .account_id(A)
            .role_name("Reader")
            .send()
            .await
            .unwrap();
        let found = found.role_credentials().unwrap();
        let credentials = aws_credential_types::Credentials::new(
            found.access_key_id().unwrap(),
            found.secret_access_key().unwrap(),
            found.session_token().map(str::to_owned),
            None,
            "test",
        );
        let identity = query(&sandbox, &credentials, "sts", "GetCallerIdentity", &[]);
        assert!(
            identity.body.contains("AWSReservedSSO_Reader"),
            "{}",
            identity.body
        );

        // An access token that is over is renewed; each refresh token is good for once.
        sandbox.end_access_tokens();
        assert_eq!(clients.accounts(&first.access).await.unwrap_err(), OVER);
        let second = clients.refresh(&first.refresh).await.ok().unwrap();
        assert_eq!(clients.accounts(&second.access).await.unwrap().len(), 2);
        assert_eq!(clients.refresh(&first.refresh).await.err().unwrap(), NO_GRANT);
        // Signing out ends the rest.
        clients
            .portal
            .logout()
            .access_token(&second.access)
            .send()
            .await
            .unwrap();
        assert_eq!(clients.accounts(&second.access).await.unwrap_err(), OVER);
        assert_eq!(clients.refresh(&second.refresh).await.err().unwrap(), NO_GRANT);
        // So does the end of refresh tokens, which leaves the access tokens.
        let third = clients.by_code().await;
        sandbox.end_refresh_tokens();
        assert!(clients.accounts(&third.access).await.is_ok());
        assert_eq!(clients.refresh(&third.refresh).await.err().unwrap(), NO_GRANT);
        // The control: nobody at the browser, and the page asks again.
        assert!(sandbox.set_browser_user(None));
        assert_eq!(clients.browse(), None);
    });
}

#[test]
fn a_device_is_signed_in_by_opening_its_address() {
    let sandbox = start();
    let seat = |user: &str| post_json(&sandbox, "/_sandbox/browser", &json!({"user": user})).status;
    run(async {
        let clients = Clients::new(&sandbox).await;
        let device = clients
            .oidc
            .start_device_authorization()
            .client_id(&clients.id)
            .client_secret(&clients.secret)
            .start_url(START)
            .send()
            .await
            .unwrap();
        let code = async || {
            let asked = clients
                .create(DEVICE_GRANT)
                .device_code(device.device_code().unwrap());
            match asked.send().await {
                Ok(answer) => answer.access_token().unwrap_or_default().to_owned(),
                Err(error) => error.code().unwrap_or_default().to_owned(),
            }
        };
        let address = device.verification_uri_complete().unwrap();
        let path = address.strip_prefix(sandbox.endpoint()).unwrap();
        let open = || rest(&sandbox, "GET", path, &[], "").status;
        assert_eq!(open(), 200);
        assert_eq!(code().await, "AuthorizationPendingException");
        assert_eq!((seat("nobody"), seat("bob@example.com")), (404, 200));
        assert_eq!(open(), 200);
        let token = code().await;
        assert_eq!(clients.accounts(&token).await.unwrap(), [A]);
        assert_eq!(code().await, NO_GRANT);
        assert_eq!(seat(""), 200);
    });
}
