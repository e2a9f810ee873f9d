//! The arguments of `vault`, `init` and `doctor`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rolecall::MfaSerial;
use rolecall::vault::BackendKind;

use super::parse;

#[derive(Args, Debug)]
pub(crate) struct VaultArgs {
    #[command(subcommand)]
    pub(crate) action: VaultAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultAction {
    /// Put a user's access key into the vault; it is asked for, or read from stdin or the console's CSV file
    Add(VaultAddArgs),
    /// List what is in the vault; nothing is unlocked for it
    List(VaultListArgs),
    /// Take a profile's key out of the vault, for good
    Remove(VaultRemoveArgs),
    /// Take access keys out of the credentials file and into the vault
    Import(VaultImportArgs),
    /// Put a file back as it was before an import
    Restore(VaultRestoreArgs),
    /// Make a new access key in IAM and put it in the place of the old one, which is deleted
    Rotate(VaultRotateArgs),
    /// Move keys to another backend
    Move(VaultMoveArgs),
    /// Choose another passphrase for the encrypted file
    Passphrase,
    /// Forget what is unlocked: the next use asks for the passphrase again
    Lock,
}

#[derive(Args, Debug)]
pub(crate) struct VaultAddArgs {
    /// The profile whose key it is
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,
    /// Where it is to rest: secret-service, file, keychain, credential-manager [default: where the others are]
    #[arg(long, value_name = "BACKEND", value_parser = parse::<BackendKind>)]
    pub(crate) backend: Option<BackendKind>,
    /// Read the key from the file that the IAM console gave you; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    pub(crate) csv: Option<PathBuf>,
    /// The user in that file, where there is more than one
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub(crate) user: Option<String>,
    /// Read the key from stdin: two lines, or the JSON that the AWS CLI prints
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Do not ask AWS whose key it is
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Replace the key that is there without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultListArgs {
    /// Make the list anew from what the backends hold, after it was lost
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Delete records that the list does not name
    #[arg(long, conflicts_with = "rebuild")]
    pub(crate) sweep: bool,
    /// Do not ask
    #[arg(long, requires = "sweep")]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultRemoveArgs {
    /// The profile whose key it is
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultImportArgs {
    /// The profiles whose keys are taken [default: every one that has a long-term key]
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Where they are to rest: secret-service, file, keychain, credential-manager [default: where the others are]
    #[arg(long, value_name = "BACKEND", value_parser = parse::<BackendKind>)]
    pub(crate) backend: Option<BackendKind>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write no `credential_process` for the AWS CLI and SDKs into the config file
    #[arg(long)]
    pub(crate) no_process: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultRestoreArgs {
    /// Which backup, as `rolecall vault list` names it [default: the last one]
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: Option<String>,
    /// Put it back even where the file has changed since
    #[arg(long)]
    pub(crate) force: bool,
    /// Delete the backup instead: it is not needed any more
    #[arg(long, conflicts_with = "force")]
    pub(crate) discard: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultRotateArgs {
    /// The profile whose key it is
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,
    /// Show what would be done, and do nothing but look
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Undo a rotation that was begun, as far as that goes: the old key stays, the new one is deleted
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) abort: bool,
    /// Prove an MFA device, once for the whole of it; without --mfa-serial it is looked up
    #[arg(long)]
    pub(crate) mfa: bool,
    /// Prove this MFA device
    #[arg(long, value_name = "SERIAL", value_parser = parse::<MfaSerial>)]
    pub(crate) mfa_serial: Option<MfaSerial>,
    /// Read the MFA code from this file descriptor
    #[arg(long, value_name = "FD")]
    pub(crate) mfa_fd: Option<u32>,
    /// Allow an endpoint of plain http outside of this machine
    #[arg(long)]
    pub(crate) insecure_endpoint: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VaultMoveArgs {
    /// The profiles whose keys are moved [default: all]
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Where to: secret-service, file, keychain, credential-manager
    #[arg(long, value_name = "BACKEND", value_parser = parse::<BackendKind>)]
    pub(crate) to: BackendKind,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do all of it without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// The profiles to try; without any only what needs no credentials is looked at
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// Call nobody
    #[arg(long)]
    pub(crate) offline: bool,
    /// Read an MFA code from this file descriptor
    #[arg(long, value_name = "FD")]
    pub(crate) mfa_fd: Option<u32>,
    /// Allow an endpoint of plain http outside of this machine
    #[arg(long)]
    pub(crate) insecure_endpoint: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
