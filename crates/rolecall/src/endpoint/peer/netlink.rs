//! One exact question to the kernel's socket diagnostics (`sock_diag(7)`): who owns the socket with these two addresses?
//!
//! Two small fixed structures, laid out by hand over rustix's netlink socket: less to trust than a netlink stack.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::Socket;

const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// `nlmsghdr`, then `inet_diag_req_v2`.
const REQUEST: usize = 16 + 56;
/// `nlmsghdr`, then `inet_diag_msg`.
const REPLY: usize = 16 + 72;

/// One socket to the kernel, used for every connection: opening one for each costs more than the question.
pub(super) struct Netlink(Mutex<State>);

struct State {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(SOCK_DIAG),
        )?;
        Ok(Self(Mutex::new(State { socket, sequence: 0 })))
    }

    /// The TCP socket at `local` that is connected to `remote`; the listener at `local` where there is no such
    /// connection and `remote` is unspecified. Never waits: the kernel has answered when the question is sent.
    pub(super) fn find(&self, local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<Socket>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.sequence = state.sequence.wrapping_add(1);
        let request = request(state.sequence, local, remote);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&state.socket, &request, SendFlags::empty(), &kernel)?;
        loop {
            let mut reply = [0; 512];
            let (_, length, from) = rustix::net::recvfrom(&state.socket, &mut reply[..], RecvFlags::empty())?;
            let from_kernel = from
                .and_then(|from| SocketAddrNetlink::try_from(from).ok())
                .is_some_and(|from| from.pid() == 0);
            // What is not the kernel's, or answers an earlier question, is passed over.
            if from_kernel && let Some(found) = read(&reply[..length], state.sequence, local, remote) {
                return found;
            }
        }
    }
}

fn request(sequence: u32, local: SocketAddrV4, remote: SocketAddrV4) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &(REQUEST as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    put(8, &sequence.to_ne_bytes());
    put(16, &[AF_INET, IPPROTO_TCP]);
    // Every state; then the socket's identity as it sees itself, ports and addresses in network order.
    put(20, &u32::MAX.to_ne_bytes());
    put(24, &local.port().to_be_bytes());
    put(26, &remote.port().to_be_bytes());
    put(28, &local.ip().octets());
    put(44, &remote.ip().octets());
    // No cookie: the socket has not been met before.
    put(64, &[0xff; 8]);
    bytes
}

/// `None` when this is no answer to the question.
fn read(
    reply: &[u8],
    sequence: u32,
    local: SocketAddrV4,
    remote: SocketAddrV4,
) -> Option<io::Result<Option<Socket>>> {
    let u32_at = |at: usize| Some(u32::from_ne_bytes(reply.get(at..at + 4)?.try_into().ok()?));
    let u16_at = |at: usize| Some(u16::from_ne_bytes(reply.get(at..at + 2)?.try_into().ok()?));
    if u32_at(8)? != sequence {
        return None;
    }
    match u16_at(4)? {
        NLMSG_ERROR => {
            let errno = u32_at(16)?.cast_signed().wrapping_neg();
            let error = io::Error::from_raw_os_error(errno);
            // The socket is gone, or this kernel has no TCP diagnostics; the probe tells the two apart.
            Some(match error.kind() {
                io::ErrorKind::NotFound => Ok(None),
                _ => Err(error),
            })
        }
        SOCK_DIAG_BY_FAMILY if reply.len() >= REPLY => {
            let found = Socket {
                state: reply[17],
                uid: u32_at(80)?,
                inode: u64::from(u32_at(84)?),
            };
            // The kernel falls back to a listener at the local address; that is not whom we asked for.
            let same = reply.get(20..22)? == local.port().to_be_bytes()
                && reply.get(22..24)? == remote.port().to_be_bytes()
                && is_address(reply[16], reply.get(24..40)?, local)
                && is_address(reply[16], reply.get(40..56)?, remote);
            Some(Ok(same.then_some(found)))
        }
        _ => None,
    }
}

/// Whether an address field holds `address`, as IPv4 or as IPv4 in IPv6.
fn is_address(family: u8, field: &[u8], address: SocketAddrV4) -> bool {
    match family {
        AF_INET => field[..4] == address.ip().octets(),
        AF_INET6 => field == address.ip().to_ipv6_mapped().octets(),
        _ => false,
    }
}
