//! Lists in pages, by opaque tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Answered, Asked, invalid};
use crate::api::Refusal;

/// The most and the default of `MaxResults`.
const MOST: usize = 20;

impl Asked<'_> {
    /// One page of a list. Its token says where the next one begins, and in which operation's list.
    pub(super) fn page(&self, list: &str, items: Vec<Value>) -> Answered {
        let size = self.page_size()?;
        let start = self.page_start()?;
        let end = start.saturating_add(size);
        let more = items.len() > end;
        let page: Vec<Value> = items.into_iter().skip(start).take(size).collect();
        let mut answer = json!({ list: page });
        if more {
            let token = URL_SAFE_NO_PAD.encode(format!("{}/{end}", self.operation));
            answer["NextToken"] = token.into();
        }
        Ok(answer)
    }

    fn page_size(&self) -> Result<usize, Refusal> {
        match self.input.get("MaxResults") {
            None | Some(Value::Null) => Ok(MOST),
            Some(value) => match value.as_i64() {
                Some(number) if number < 1 => Err(invalid(
                    "MIN_VALUE_EXCEEDED",
                    "You provided a numeric parameter that is smaller than allowed.",
                )),
                Some(number) => usize::try_from(number)
                    .ok()
                    .filter(|size| *size <= MOST)
                    .ok_or_else(|| {
                        invalid(
                            "MAX_VALUE_EXCEEDED",
                            "You provided a numeric parameter that is larger than allowed.",
                        )
                    }),
                None => Err(super::refusal(
                    "SerializationException",
                    "MaxResults is no whole number",
                )),
            },
        }
    }

    fn page_start(&self) -> Result<usize, Refusal> {
        let Some(token) = self.find("NextToken")? else {
            return Ok(0);
        };
        let decoded = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let text = String::from_utf8(decoded).unwrap_or_default();
        text.split_once('/')
            .filter(|(operation, _)| *operation == self.operation)
            .and_then(|(_, start)| start.parse().ok())
            .ok_or_else(|| {
                invalid(
                    "INVALID_NEXT_TOKEN",
                    "Get the value for the NextToken parameter from the response to a previous call of the operation.",
                )
            })
    }
}
