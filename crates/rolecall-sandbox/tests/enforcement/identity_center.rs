//! IAM Identity Center.
