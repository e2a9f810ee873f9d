//! What a refused call may be told of its refusal, sealed: only who may call DecodeAuthorizationMessage can read it.
//!
//! AWS's EC2 puts such a message into its errors. No service here does, so the sandbox hands out that of any refused call
//! on demand: `GET /_sandbox/encoded-message?request_id=…`. The seal both hides what is inside and proves where it is from.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rolecall::AccountId;
use rolecall::policy::{Context, Verdict};
use serde_json::{Value, json};

use crate::authz::Wish;
use crate::call::Call;
use crate::state::Caller;

/// How many refusals can be asked about.
const KEPT: usize = 1000;
/// DecodeAuthorizationMessage takes 10,240 characters, which are so many bytes under the seal; of what would be longer,
/// condition keys are left out.
const LIMIT: usize = 7500;

pub(crate) struct Messages {
    key: LessSafeKey,
    kept: Mutex<VecDeque<Refused>>,
}

struct Refused {
    request_id: String,
    account: AccountId,
    message: String,
}

impl Messages {
    /// With a key of its own; `None` only where the operating system has no randomness.
    pub(crate) fn new() -> Option<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok()?;
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?),
            kept: Mutex::default(),
        })
    }

    /// Remembers why a call was refused; of several decisions for one call, the one that refused.
    pub(crate) fn refused(&self, call: &Call<'_>, wish: &Wish<'_>, verdict: &Verdict, context: &Context) {
        let caller = &call.verified.caller;
        let refused = Refused {
            request_id: call.request_id.to_owned(),
            account: caller.account,
            message: message(caller, wish, verdict, context).to_string(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    /// The sealed message of a refused call.
    pub(crate) fn encoded(&self, request_id: &str) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = kept
            .iter()
            .rev()
            .find(|refused| refused.request_id == request_id)?;
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = format!("{}{}", refused.account, refused.message).into_bytes();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What a message of this sandbox says, for somebody of the account that was refused.
    pub(crate) fn decode(&self, encoded: &str, account: AccountId) -> Option<String> {
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let text = std::str::from_utf8(opened).ok()?;
        text.strip_prefix(account.as_str()).map(str::to_owned)
    }
}

/// The shape is that of the example in the STS API reference and of the re:Post article on decoding such messages.
fn message(caller: &Caller, wish: &Wish<'_>, verdict: &Verdict, context: &Context) -> Value {
    let values = |values: &[&str]| -> Value {
        let items: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
        json!({"items": items})
    };
    let matched: Vec<Value> = match verdict {
        Verdict::ExplicitDeny(matched) => vec![json!({
            "statementId": matched.sid.as_deref().unwrap_or_default(),
            "effect": "DENY",
            "principals": values(&[&caller.user_id]),
            "principalGroups": {"items": []},
            "actions": values(&[wish.action]),
            "resources": values(&[wish.resource]),
            "conditions": {"items": []},
        })],
        _ => Vec::new(),
    };
    let mut told = json!({
        "allowed": false,
        "explicitDeny": matches!(verdict, Verdict::ExplicitDeny(_)),
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "context": {
            "principal": {"id": caller.user_id, "arn": caller.principal.arn()},
            "action": wish.action,
            "resource": wish.resource,
            "conditions": {"items": []},
        },
    });
    let mut room = LIMIT.saturating_sub(told.to_string().len());
    let conditions: Vec<Value> = context
        .iter()
        .filter_map(|(key, found)| {
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            let condition = json!({"key": key, "values": values(&found)});
            room = room.checked_sub(condition.to_string().len() + 1)?;
            Some(condition)
        })
        .collect();
    told["context"]["conditions"]["items"] = Value::Array(conditions);
    told
}
