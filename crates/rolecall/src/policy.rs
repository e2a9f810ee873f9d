//! IAM policy documents, and what they decide. Pure.
