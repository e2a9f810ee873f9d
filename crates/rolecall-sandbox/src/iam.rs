//! Enough of IAM to set up a world ("AWS Identity and Access Management API Reference").

use crate::api::{Answer, Refusal};
use crate::state::State;
use crate::sts::Call;

pub(crate) fn answer(operation: &str, _call: &Call<'_>, _state: &mut State) -> Result<Answer, Refusal> {
    Err(Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {operation} for version 2010-05-08"),
    ))
}
