//! SimulatePrincipalPolicy and SimulateCustomPolicy.

use super::{Answered, Iam};
use crate::state::State;

pub(super) fn answer(_iam: &Iam<'_>, _state: &mut State) -> Option<Answered> {
    None
}
