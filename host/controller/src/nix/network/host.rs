//! Hosts that programs ask for.

use std::{fmt, net::IpAddr, str::FromStr};

/// A host name in lower case without the dot at its end, or an address in its usual form, without brackets.
///
/// One host, one text: so texts can be compared. Every text is printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no host: write an IP address, or a name of at most 253 letters, digits, `-` and `.` with at most 63 between dots"
)]
pub struct HostError;

impl Host {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(HostError);
        }
        // `127.0.0.1.` is an address too.
        Ok(name.parse::<IpAddr>().map_or_else(|_| Self(name.to_ascii_lowercase()), Self::from))
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for (text, host) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("1.2.3.4.", "1.2.3.4"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), host);
        }
        let long = [["a".repeat(63).as_str(); 4].join(".").as_str(), "b"].concat();
        for text in
            ["", ".", "a..b", "a b", "a_b", "ä", "a\0", "a/b", "a:1", "[::1", "fe80::1%eth0", &"a".repeat(64), &long]
        {
            assert_eq!(text.parse::<Host>(), Err(HostError), "{text:?}");
        }
    }
}
