//! The same question to `/proc/net/tcp` and `/proc/net/tcp6`, where a sandbox forbids netlink.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddrV4;

use super::Socket;

/// The TCP socket at `local` that is connected to `remote`.
pub(super) fn find(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<Socket>> {
    if let Some(found) = search("/proc/net/tcp", &v4(local), &v4(remote))? {
        return Ok(Some(found));
    }
    match search("/proc/net/tcp6", &v6(local), &v6(remote)) {
        // A system without IPv6 has no such table.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a table of the kernel and no file of the user: `Host` has no say in whose socket this is"
)]
fn search(table: &str, local: &str, remote: &str) -> io::Result<Option<Socket>> {
    let table = BufReader::new(std::fs::File::open(table)?);
    for row in table.lines().skip(1) {
        if let Some(found) = read(&row?, local, remote) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// `sl local remote state queues timer retransmits uid timeout inode …`
fn read(row: &str, local: &str, remote: &str) -> Option<Socket> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    if fields.next()? != local || fields.next()? != remote {
        return None;
    }
    Some(Socket {
        state: u8::from_str_radix(fields.next()?, 16).ok()?,
        uid: fields.nth(3)?.parse().ok()?,
        inode: fields.nth(1)?.parse().ok()?,
    })
}

/// Addresses are words of the machine's own order, in hexadecimal.
fn v4(address: SocketAddrV4) -> String {
    let word = u32::from_ne_bytes(address.ip().octets());
    format!("{word:08X}:{:04X}", address.port())
}

fn v6(address: SocketAddrV4) -> String {
    let mapped = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
    format!("{:016X}{mapped:08X}{}", 0, v4(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_both_addresses() {
        let row = "   7: 0100007F:A1B2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 20";
        let socket = Socket {
            state: 1,
            uid: 1000,
            inode: 4242,
        };
        assert_eq!(read(row, "0100007F:A1B2", "0100007F:1F90"), Some(socket));
        assert_eq!(read(row, "0100007F:A1B2", "0100007F:1F91"), None);
        assert_eq!(read(row, "0100007F:A1B3", "0100007F:1F90"), None);
    }
}
