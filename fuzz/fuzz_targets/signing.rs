//! Who calls, and requests with a good signature.
#![allow(dead_code, reason = "each target uses another part of it")]

use std::time::{Duration, SystemTime};

use arbitrary::{Result, Unstructured};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::server::{Answer, Server};
use crate::words::{Operation, Parameters, Told, value};

/// Long-term keys, and the sessions that were made with them.
pub struct Identities(Vec<Credentials>);

impl Identities {
    /// Administrators of the management account and of a member, root users, a user, and a session of every kind.
    pub fn of(server: &Server) -> Self {
        let sandbox = &server.sandbox;
        let accounts = sandbox.accounts();
        let of_account = |id: &str| {
            let found = accounts.iter().find(|account| account.id == id)?;
            Some(Credentials::new(
                &found.access_key_id,
                &found.secret_access_key,
                None,
                None,
                "fuzz",
            ))
        };
        let root = |id| sandbox.root_keys(id).map(|keys| keys.credentials());
        let ada = sandbox.user_keys("ada").map(|keys| keys.credentials());
        let management = of_account("100000000001");
        let sessions = [
            (
                ada.clone(),
                "Action=AssumeRole&RoleSessionName=fuzz&RoleArn=arn%3Aaws%3Aiam%3A%3A100000000002%3Arole%2FDeployer",
            ),
            (management.clone(), "Action=GetSessionToken"),
            (
                management.clone(),
                "Action=GetFederationToken&Name=fuzz&PolicyArns.member.1.arn=\
                 arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess",
            ),
        ];
        let known = [
            management,
            of_account("100000000041"),
            ada,
            root("100000000001"),
            root("100000000041"),
        ];
        let mut identities = Self(known.into_iter().flatten().collect());
        for (credentials, form) in sessions {
            let request = Request::new(
                "sts",
                "POST",
                "/".into(),
                format!("{form}&Version=2011-06-15").into_bytes(),
            );
            if let Some(bytes) =
                credentials.and_then(|credentials| request.signed(server, &credentials, false, false))
            {
                identities.learn(&server.ask(&bytes));
            }
        }
        identities
    }

    /// Those of them that are temporary.
    pub fn sessions(&self) -> impl Iterator<Item = &Credentials> {
        self.0
            .iter()
            .filter(|credentials| credentials.session_token().is_some())
    }

    /// Mostly the first, who may do most.
    pub fn choose(&self, input: &mut Unstructured<'_>) -> Result<Credentials> {
        if input.ratio(1, 2)? {
            if let Some(first) = self.0.first() {
                return Ok(first.clone());
            }
        }
        input.choose(&self.0).cloned()
    }

    /// Credentials that an answer issues are an identity from now on.
    pub fn learn(&mut self, answer: &Answer) {
        let body = answer.body();
        let text = |element: &str| {
            let (_, rest) = body.split_once(&format!("<{element}>"))?;
            rest.split_once('<').map(|(text, _)| text.to_owned())
        };
        if let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) {
            self.0
                .push(Credentials::new(id, secret, text("SessionToken"), None, "fuzz"));
        }
    }
}

/// A request that is not signed yet.
pub struct Request {
    service: &'static str,
    method: &'static str,
    /// With its query.
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Parameters as a form or a query.
pub fn form(parameters: &Parameters) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

impl Request {
    pub fn new(service: &'static str, method: &'static str, path: String, body: Vec<u8>) -> Self {
        Self {
            service,
            method,
            path,
            headers: Vec::new(),
            body,
        }
    }

    /// A call of an operation with parameters that the input chooses.
    pub fn of(operation: &Operation, input: &mut Unstructured<'_>, told: &Told) -> Result<Self> {
        let service = operation.service;
        let version = match service {
            "organizations" => {
                let body = operation.json(input, told)?.to_string().into_bytes();
                let mut request = Self::new(service, "POST", "/".to_owned(), body);
                let target = format!("AWSOrganizationsV20161128.{}", operation.name);
                request.headers.push(("x-amz-target", target));
                return Ok(request);
            }
            "s3" => return Self::of_s3(operation, input, told),
            "iam" => "2010-05-08",
            "sns" => "2010-03-31",
            _ => "2011-06-15",
        };
        let parameters = form(&operation.parameters(input, told)?);
        let text = format!("Action={}&Version={version}&{parameters}", operation.name);
        Ok(if input.ratio(1, 8)? {
            Self::new(service, "GET", format!("/?{text}"), Vec::new())
        } else {
            Self::new(service, "POST", "/".to_owned(), text.into_bytes())
        })
    }

    fn of_s3(operation: &Operation, input: &mut Unstructured<'_>, told: &Told) -> Result<Self> {
        let method = match operation.name {
            name if name.starts_with("Put") || name.starts_with("Create") => "PUT",
            name if name.starts_with("Delete") => "DELETE",
            name if name.starts_with("Head") => "HEAD",
            _ => "GET",
        };
        let mut path = String::from("/");
        if operation.name != "ListBuckets" {
            path.push_str(&encoded(&value(input, "bucket", told)?));
        }
        if operation.name.ends_with("Object") {
            path.push_str(&format!("/{}", encoded(&value(input, "objectkey", told)?)));
        }
        let parameters = operation.parameters(input, told)?;
        if !parameters.is_empty() {
            path.push_str(&format!("?{}", form(&parameters)));
        }
        let body = if method == "PUT" {
            input.arbitrary::<&[u8]>()?.to_vec()
        } else {
            Vec::new()
        };
        Ok(Self::new("s3", method, path, body))
    }

    /// The bytes to send; with another last digit in its signature, where it is to be tampered with.
    pub fn signed(
        &self,
        server: &Server,
        credentials: &Credentials,
        presigned: bool,
        tampered: bool,
    ) -> Option<Vec<u8>> {
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(60));
        }
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(self.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .ok()?
            .into();
        let endpoint = server.sandbox.endpoint();
        let mut headers = vec![(
            "host".to_owned(),
            endpoint.trim_start_matches("http://").to_owned(),
        )];
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let uri = format!("{endpoint}{}", self.path);
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(self.method, &uri, pairs, SignableBody::Bytes(&self.body)).ok()?;
        let (instructions, signature) = sign(request, &parameters).ok()?.into_parts();
        let mut path = self.path.clone();
        for (name, value) in instructions.params() {
            let joint = if path.contains('?') { '&' } else { '?' };
            path.push_str(&format!("{joint}{name}={}", encoded(value)));
        }
        let mut text = format!(
            "{} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.body.len()
        );
        let more = instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in headers.into_iter().chain(more) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if tampered {
            let other = if signature.ends_with('0') { "1" } else { "0" };
            let wrong = format!("{}{other}", &signature[..signature.len() - 1]);
            text = text.replace(&signature, &wrong);
        }
        let mut bytes = text.into_bytes();
        bytes.extend(&self.body);
        Some(bytes)
    }
}
