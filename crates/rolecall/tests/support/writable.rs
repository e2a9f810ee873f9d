//! The memory of another process, as root reads it.

use std::os::unix::fs::FileExt as _;

/// All that a process may have written: each writable mapping, as its line in `/proc/PID/maps` and its bytes. What cannot
/// be read, as a page of `memfd_secret`, is left out.
pub(crate) fn writable(pid: u32) -> Vec<(String, Vec<u8>)> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("the memory of a process of ours");
    let mut found = Vec::new();
    for line in maps.lines() {
        let words: Vec<_> = line.split([' ', '-']).collect();
        if !words[2].starts_with("rw") {
            continue;
        }
        let [from, to] = [words[0], words[1]].map(|hex| u64::from_str_radix(hex, 16).expect("an address"));
        let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            found.push((line.to_owned(), bytes));
        }
    }
    assert!(found.len() > 3, "only {} mappings can be read", found.len());
    found
}
