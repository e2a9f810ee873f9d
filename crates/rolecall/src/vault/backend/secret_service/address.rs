//! Where the session's bus listens, and whether it is one to tell secrets to.

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// What stands for itself in an address (D-Bus specification, "Server Addresses").
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'/')
    .remove(b'.')
    .remove(b'*');
const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// A socket of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    Path(PathBuf),
    /// A name that is no file (Linux).
    Abstract(Vec<u8>),
}

impl Address {
    /// That of the session's bus. libdbus is never left to look for it: it would read the process's own environment, which
    /// is not the host's, and where that says nothing it would start a bus (`dbus-launch`).
    pub(super) fn of(host: &Host) -> Result<Self, Error> {
        let runtime = host
            .env("XDG_RUNTIME_DIR")
            .filter(|folder| folder.starts_with('/'));
        let by_rule = || runtime.map(|folder| Self::Path(PathBuf::from(folder).join("bus")));
        match host.env(VARIABLE).filter(|text| !text.trim().is_empty()) {
            // A program to start (`unixexec`, `autolaunch`) and another machine (`tcp`) are no place for keys.
            Some(text) => text
                .split(';')
                .find_map(|address| Self::parsed(address, by_rule()))
                .ok_or_else(|| {
                    Error::config(format!("{VARIABLE} names no socket of this machine"))
                        .with_hint("It begins with `unix:path=` or `unix:abstract=`. `--backend file` needs no bus.")
                }),
            None => by_rule().ok_or_else(|| {
                Error::new(ErrorKind::NotConfigured, "there is no session bus here")
                    .with_hint("A desktop session has one, and names it in DBUS_SESSION_BUS_ADDRESS. `--backend file` needs none.")
            }),
        }
    }

    fn parsed(address: &str, by_rule: Option<Self>) -> Option<Self> {
        let pairs = address.trim().strip_prefix("unix:")?;
        let value = |name: &str| {
            let mut values = pairs.split(',').filter_map(|pair| pair.split_once('='));
            let (_, value) = values.find(|(key, _)| *key == name)?;
            Some(percent_decode_str(value).collect::<Vec<u8>>())
        };
        if let Some(path) = value("path") {
            return Some(Self::Path(PathBuf::from(std::ffi::OsStr::from_bytes(&path))));
        }
        if let Some(name) = value("abstract") {
            return Some(Self::Abstract(name));
        }
        by_rule.filter(|_| value("runtime").as_deref() == Some(b"yes"))
    }

    /// As libdbus wants it.
    pub(super) fn for_libdbus(&self) -> String {
        match self {
            Self::Path(path) => format!("unix:path={}", percent_encode(path.as_os_str().as_bytes(), PLAIN)),
            Self::Abstract(name) => format!("unix:abstract={}", percent_encode(name, PLAIN)),
        }
    }

    /// Refuses a bus that is not this user's own: once a session has ended, anybody may listen at its old place below
    /// `/tmp`. libdbus proves who we are to the bus, and never who the bus is to us.
    pub(super) fn check(&self) -> Result<(), Error> {
        let stream = match self {
            Self::Path(path) => UnixStream::connect(path),
            Self::Abstract(name) => {
                SocketAddr::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address))
            }
        };
        let stream = stream.map_err(|error| self.away(&error))?;
        let peer = rustix::net::sockopt::socket_peercred(&stream)
            .map_err(|errno| self.away(&io::Error::from(errno)))?;
        if peer.uid == rustix::process::geteuid() {
            return Ok(());
        }
        Err(
            Error::config(format!("the bus at {self} belongs to user {}", peer.uid.as_raw())).with_hint(
                "Run rolecall as that user, and without sudo; or use the encrypted file (`--backend file`).",
            ),
        )
    }

    fn away(&self, error: &io::Error) -> Error {
        Error::new(ErrorKind::NotConfigured, format!("no session bus is at {self}: {error}"))
            .with_hint("A desktop session has one, and names it in DBUS_SESSION_BUS_ADDRESS. `--backend file` needs none.")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Address, Error> {
        let host = variables
            .iter()
            .fold(Host::builder(), |host, (name, value)| host.env(name, value));
        Address::of(&host.build())
    }

    #[test]
    fn an_address_is_a_socket_of_this_machine() {
        for (text, for_libdbus) in [
            ("unix:path=/run/user/1000/bus", "unix:path=/run/user/1000/bus"),
            ("unix:path=/tmp/a%20b,guid=0123", "unix:path=/tmp/a%20b"),
            ("unix:abstract=/tmp/dbus-x,guid=1", "unix:abstract=/tmp/dbus-x"),
            ("tcp:host=a,port=1;unix:path=/b", "unix:path=/b"),
            ("unix:runtime=yes", "unix:path=/run/user/1000/bus"),
        ] {
            let address = of(&[(VARIABLE, text), ("XDG_RUNTIME_DIR", "/run/user/1000")]).unwrap();
            assert_eq!(address.for_libdbus(), for_libdbus, "{text}");
        }
        for text in [
            "autolaunch:",
            "unixexec:path=/bin/sh",
            "tcp:host=127.0.0.1,port=9",
            "unix:runtime=yes",
            "x",
        ] {
            let error = of(&[(VARIABLE, text)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        }
    }

    #[test]
    fn without_an_address_it_is_in_the_runtime_folder() {
        let address = of(&[("XDG_RUNTIME_DIR", "/run/user/7"), (VARIABLE, "")]).unwrap();
        assert_eq!(address, Address::Path("/run/user/7/bus".into()));
        for variables in [&[][..], &[("XDG_RUNTIME_DIR", "relative")]] {
            assert_eq!(of(variables).unwrap_err().kind(), ErrorKind::NotConfigured);
        }
    }
}
