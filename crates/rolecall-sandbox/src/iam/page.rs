//! Lists, cut into pages ("Paginating results": `Marker`, `MaxItems`, `IsTruncated`).
//!
//! A marker holds the name of the last thing that was told, sealed for its operation: what is made or deleted between
//! two pages neither repeats nor hides anything else, and a marker of another list, or a spoilt one, is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::Refusal;

/// How much is told at once unless `MaxItems` says so.
const USUAL: u32 = 100;
const SEAL: usize = 8;

/// The page that a call asks for.
pub(super) struct Page {
    operation: String,
    marker: Option<String>,
    most: usize,
}

/// What is on a page, and where the next one begins.
pub(super) struct Cut<T> {
    pub(super) items: Vec<T>,
    marker: Option<String>,
}

impl Page {
    pub(super) fn new(operation: &str, marker: Option<&str>, most: Option<u32>) -> Self {
        Self {
            operation: operation.to_owned(),
            marker: marker.map(str::to_owned),
            most: usize::try_from(most.unwrap_or(USUAL)).unwrap_or(usize::MAX),
        }
    }

    /// How much is on it at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    fn seal(&self, key: &str) -> [u8; SEAL] {
        let digest = Sha256::new()
            .chain_update(self.operation.as_bytes())
            .chain_update([0])
            .chain_update(key.as_bytes())
            .finalize();
        let mut seal = [0; SEAL];
        seal.iter_mut()
            .zip(digest.iter())
            .for_each(|(to, from)| *to = *from);
        seal
    }

    fn marker_of(&self, key: &str) -> String {
        URL_SAFE_NO_PAD.encode([&self.seal(key)[..], key.as_bytes()].concat())
    }

    /// The key after which the page begins.
    fn after(&self) -> Result<Option<String>, Refusal> {
        let Some(marker) = &self.marker else {
            return Ok(None);
        };
        let key = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| {
            let (seal, key) = bytes.split_at_checked(SEAL)?;
            let key = String::from_utf8(key.to_vec()).ok()?;
            (seal == self.seal(&key)).then_some(key)
        });
        key.map(Some)
            .ok_or_else(|| Refusal::validation("Invalid Marker."))
    }

    /// Cuts what has ascending keys.
    pub(super) fn cut<K: AsRef<str>, T>(
        &self,
        items: impl Iterator<Item = (K, T)>,
    ) -> Result<Cut<T>, Refusal> {
        let after = self.after()?;
        let mut items =
            items.skip_while(|(key, _)| after.as_ref().is_some_and(|after| key.as_ref() <= after.as_str()));
        let mut told = Vec::new();
        let mut last = None;
        for (key, item) in items.by_ref().take(self.most) {
            told.push(item);
            last = Some(key);
        }
        let more = items.next().is_some();
        let marker = last.filter(|_| more).map(|key| self.marker_of(key.as_ref()));
        Ok(Cut { items: told, marker })
    }

    /// Cuts, and writes the page as one list.
    pub(super) fn list<K: AsRef<str>, T>(
        &self,
        element: &str,
        items: impl Iterator<Item = (K, T)>,
        render: impl FnMut(T) -> String,
    ) -> Result<String, Refusal> {
        let cut = self.cut(items)?;
        let end = cut.end();
        let members = members(cut.items.into_iter().map(render));
        Ok(format!("<{element}>{members}</{element}>{end}"))
    }
}

impl<T> Cut<T> {
    /// The elements that say whether there is more.
    pub(super) fn end(&self) -> String {
        match &self.marker {
            Some(marker) => format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>"),
            None => "<IsTruncated>false</IsTruncated>".to_owned(),
        }
    }
}

/// Each in an element of its own.
pub(super) fn members(items: impl Iterator<Item = String>) -> String {
    items.fold(String::new(), |mut text, item| {
        text.push_str("<member>");
        text.push_str(&item);
        text.push_str("</member>");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_marker_is_read_by_its_own_list_and_by_no_other(key in ".{0,100}", spoilt in ".{0,100}") {
            let page = Page::new("ListRoles", None, None);
            let marker = page.marker_of(&key);
            let after = |operation: &str, marker: &str| Page::new(operation, Some(marker), None).after();
            proptest::prop_assert_eq!(after("ListRoles", &marker).unwrap(), Some(key));
            proptest::prop_assert!(after("ListUsers", &marker).is_err());
            proptest::prop_assert!(after("ListRoles", &spoilt).is_err());
        }
    }
}
