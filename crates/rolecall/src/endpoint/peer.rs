//! Whose socket is at the other end of a connection.
//!
//! TCP has no `SO_PEERCRED`, but on loopback the other end is a socket of this machine, and the kernel tells its owner:
//! the user who created it. Only our own user passes; root too is refused, unless we are root. When the kernel cannot
//! be asked, nobody passes.

#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod proc_net;

use std::net::{SocketAddr, SocketAddrV4};

use super::gates::Admission;
use crate::host::Process;

/// The other end of a connection, as the kernel describes it.
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    uid: Option<u32>,
    inode: Option<u64>,
}

impl Peer {
    pub(super) fn unknown(address: SocketAddr) -> Self {
        Self {
            address,
            uid: None,
            inode: None,
        }
    }

    /// Its address on this machine.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The user who made its socket; none where the kernel was not asked or did not say.
    pub fn uid(&self) -> Option<u32> {
        self.uid
    }

    /// The process that holds its socket, as far as `/proc` tells: none of another user's, unless we are root, and none
    /// that has gone. It looks at every open file of this user, so it is nothing to do before an answer, nor often.
    pub fn process(&self) -> Option<Process> {
        let (uid, inode) = (self.uid?, self.inode?);
        let socket = format!("socket:[{inode}]");
        let holds = |pid: u32| {
            let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
            files.into_iter().flatten().flatten().any(|file| {
                std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket.as_str())
            })
        };
        let pids = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // Asked again after its start was read: a number that went to another process in between is not named.
        pids.find(|pid| holds(*pid))
            .map(|pid| Process::of(pid, uid))
            .filter(|process| holds(process.pid) && process.is_running())
    }
}

/// The established TCP states in which somebody still holds a socket: whoever has closed both ways is no longer there.
#[cfg(target_os = "linux")]
const ALIVE: [u8; 3] = [ESTABLISHED, 4, 5];
#[cfg(target_os = "linux")]
const ESTABLISHED: u8 = 1;
#[cfg(target_os = "linux")]
const LISTEN: u8 = 10;

/// A socket as the kernel describes it.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Socket {
    state: u8,
    uid: u32,
    /// Zero when nobody holds the socket any more; its user then reads as 0, which would pass for root.
    inode: u64,
}

/// Tells our own user's connections from others'.
#[cfg(target_os = "linux")]
pub(super) struct Peers {
    own: u32,
    source: Source,
}

#[cfg(target_os = "linux")]
enum Source {
    Netlink(netlink::Netlink),
    /// Slower the more sockets there are (6.5 ms at 500): only where a sandbox forbids netlink.
    ProcNet,
    Nothing,
}

#[cfg(target_os = "linux")]
impl Peers {
    /// Finds out how the kernel can be asked, by asking about our own listener, whose owner is known.
    pub(super) fn of(listener: SocketAddr) -> Self {
        let own = rustix::process::geteuid().as_raw();
        let source = match listener {
            SocketAddr::V4(listener) => Source::that_knows(listener),
            SocketAddr::V6(_) => Source::Nothing,
        };
        if matches!(source, Source::Nothing) {
            tracing::error!(
                "neither NETLINK_SOCK_DIAG nor /proc/net/tcp tells whose a connection is: all will be refused"
            );
        }
        Self { own, source }
    }

    /// Judges the connection from `client` to `server`.
    pub(super) fn admit(&self, client: SocketAddr, server: SocketAddr) -> (Admission, Peer) {
        let mut peer = Peer::unknown(client);
        let Some(socket) = self.find(client, server).filter(Socket::is_held) else {
            return (Admission::Unproven, peer);
        };
        peer.uid = Some(socket.uid);
        peer.inode = Some(socket.inode);
        if socket.uid == self.own {
            return (Admission::Own, peer);
        }
        tracing::warn!(uid = socket.uid, "refused a connection of another user");
        (Admission::Stranger, peer)
    }

    fn find(&self, client: SocketAddr, server: SocketAddr) -> Option<Socket> {
        let (SocketAddr::V4(client), SocketAddr::V4(server)) = (client, server) else {
            return None;
        };
        let found = match &self.source {
            Source::Netlink(netlink) => netlink.find(client, server),
            Source::ProcNet => proc_net::find(client, server),
            Source::Nothing => return None,
        };
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot tell whose a connection is");
            None
        })
    }
}

#[cfg(target_os = "linux")]
impl Source {
    fn that_knows(listener: SocketAddrV4) -> Self {
        let nobody = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        let is_listener = |found: std::io::Result<Option<Socket>>| matches!(found, Ok(Some(socket)) if socket.state == LISTEN);
        if let Ok(netlink) = netlink::Netlink::open()
            && is_listener(netlink.find(listener, nobody))
        {
            return Self::Netlink(netlink);
        }
        if is_listener(proc_net::find(listener, nobody)) {
            return Self::ProcNet;
        }
        Self::Nothing
    }
}

#[cfg(target_os = "linux")]
impl Socket {
    fn is_held(&self) -> bool {
        self.inode != 0 && ALIVE.contains(&self.state)
    }
}

/// Other systems tell nothing about the other end of a TCP connection without unsafe code: there the endpoint relies on
/// the token alone. Untested.
#[cfg(not(target_os = "linux"))]
pub(super) struct Peers;

#[cfg(not(target_os = "linux"))]
impl Peers {
    pub(super) fn of(_listener: SocketAddr) -> Self {
        tracing::debug!("the owner of a connection is not checked on this system; the token is");
        Self
    }

    pub(super) fn admit(&self, client: SocketAddr, server: SocketAddr) -> (Admission, Peer) {
        let loopback = |address: SocketAddr| matches!(address, SocketAddr::V4(v4) if SocketAddrV4::ip(&v4).is_loopback());
        let admission = if loopback(client) && loopback(server) {
            Admission::Own
        } else {
            Admission::Unproven
        };
        (admission, Peer::unknown(client))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn sources() -> [Source; 2] {
        [
            Source::Netlink(netlink::Netlink::open().expect("netlink")),
            Source::ProcNet,
        ]
    }

    fn admit(source: Source, own: u32, client: SocketAddr, server: SocketAddr) -> Admission {
        Peers { own, source }.admit(client, server).0
    }

    #[test]
    fn both_ways_of_asking_know_our_own_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let (_accepted, from) = listener.accept().unwrap();
        assert_eq!(from, client.local_addr().unwrap());
        let own = rustix::process::geteuid().as_raw();
        for source in sources() {
            assert_eq!(admit(source, own, from, server), Admission::Own);
        }
        for source in sources() {
            assert_eq!(admit(source, own + 1, from, server), Admission::Stranger);
        }
        assert_eq!(admit(Source::Nothing, own, from, server), Admission::Unproven);
    }

    /// T5: a process is named with its start, and one that has gone is not.
    #[test]
    fn who_holds_a_socket_is_known_while_it_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let (_accepted, from) = listener.accept().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let [source, _] = sources();
        let (_, peer) = Peers { own, source }.admit(from, server);
        assert_eq!((peer.uid(), peer.address()), (Some(own), from));
        assert_eq!(peer.process(), Some(Process::current()));
        drop(client);
        assert_eq!(peer.process(), None);
    }

    /// Java connects through IPv6 sockets even to IPv4 addresses; the kernel then answers in IPv6 terms.
    #[test]
    fn a_client_on_an_ipv6_socket_is_known_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", server.port()).parse().unwrap();
        let Ok(_client) = TcpStream::connect(mapped) else {
            eprintln!("skipped: no IPv6 sockets here");
            return;
        };
        let (_accepted, from) = listener.accept().unwrap();
        let own = rustix::process::geteuid().as_raw();
        for source in sources() {
            assert_eq!(admit(source, own, from, server), Admission::Own);
        }
    }

    /// Where the client's address is a listener's, asking for the connection must not find the listener.
    #[test]
    fn a_socket_that_is_gone_or_only_listens_proves_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (client, own) = (other.local_addr().unwrap(), rustix::process::geteuid().as_raw());
        for source in sources() {
            assert_eq!(admit(source, own, client, server), Admission::Unproven);
        }
        drop(other);
        for source in sources() {
            assert_eq!(admit(source, own, client, server), Admission::Unproven);
        }
    }

    /// A client that has closed both ways leaves a socket without an owner, whose user reads as 0.
    #[test]
    fn a_socket_nobody_holds_is_not_roots() {
        for (state, inode) in [(ESTABLISHED, 0), (5, 0), (6, 7), (7, 7), (LISTEN, 7)] {
            let socket = Socket { state, uid: 0, inode };
            assert!(!socket.is_held(), "{socket:?}");
        }
    }

    #[test]
    fn the_listener_tells_which_way_of_asking_works() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(server) = listener.local_addr().unwrap() else {
            unreachable!()
        };
        assert!(matches!(Source::that_knows(server), Source::Netlink(_)));
        drop(listener);
        assert!(matches!(Source::that_knows(server), Source::Nothing));
    }
}
