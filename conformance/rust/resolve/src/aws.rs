//! An AWS that grants everything and writes down who asked for what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub(crate) struct Aws(Arc<Mutex<Vec<Value>>>);

impl Aws {
    pub(crate) fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    pub(crate) fn calls(&self) -> Vec<Value> {
        self.0.lock().expect("no one panicked").clone()
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let mut calls = self.0.lock().expect("no one panicked");
        calls.push(json!({
            "method": request.method(),
            "url": request.uri(),
            "body": body,
            "headers": request.headers().iter().collect::<BTreeMap<_, _>>(),
        }));
        let (status, text) = answer(request.method(), request.uri(), &body, calls.len());
        let response = http::Response::builder()
            .status(status)
            .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            .body(SdkBody::from(text))
            .map_err(|error| error.to_string())
            .and_then(|response| HttpResponse::try_from(response).map_err(|error| error.to_string()));
        HttpConnectorFuture::ready(response.map_err(|error| {
            aws_smithy_runtime_api::client::result::ConnectorError::other(error.into(), None)
        }))
    }
}

const END: &str = "2099-01-01T00:00:00Z";

fn answer(method: &str, url: &str, body: &str, number: usize) -> (u16, String) {
    let key = format!("ASIACANARY{number:010}");
    let action = body.split('&').find_map(|part| part.strip_prefix("Action="));
    if let Some(action) = action {
        let text = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
             <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>CANARYSECRET</SecretAccessKey>\
             <SessionToken>CANARYTOKEN</SessionToken><Expiration>{END}</Expiration></Credentials><AssumedRoleUser>\
             <Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser>\
             </{action}Result></{action}Response>"
        );
        return (200, text);
    }
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let keys = |key: &str| {
        json!({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "CANARYSECRET", "Token": "CANARYTOKEN",
               "Expiration": END})
        .to_string()
    };
    match path {
        "latest/api/token" if method == "PUT" => (200, "CANARYTOKENOFIMDS".into()),
        "latest/meta-data/iam/security-credentials/" | "latest/meta-data/iam/security-credentials" => {
            (200, "instance-role".into())
        }
        "latest/meta-data/iam/security-credentials/instance-role" => (200, keys("ASIAINSTANCEMETADATA")),
        _ if path.starts_with("latest/") => (404, String::new()),
        _ if path.starts_with("federation/credentials") => {
            let role = json!({"accessKeyId": key, "secretAccessKey": "CANARYSECRET", "sessionToken": "CANARYTOKEN",
                              "expiration": 4_070_908_800_000_u64});
            (200, json!({ "roleCredentials": role }).to_string())
        }
        _ => (200, keys("ASIACONTAINERCANARY0")),
    }
}
