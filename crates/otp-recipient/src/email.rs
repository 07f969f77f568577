//! E-mail addresses.

use alloc::sync::Arc;
use core::fmt::{self, Write as _};
use core::hash::{Hash, Hasher};

use crate::RecipientError;

/// The longest part before the `@`, in bytes (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, without its angle brackets).
const MAX_ADDRESS: usize = 254;
/// The longest label of a domain, in bytes (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// An e-mail address: kept as written for delivery, compared without regard to ASCII case.
///
/// `Display` and `Debug` show the first character and the domain.
///
/// ```
/// use otp_recipient::{Email, RecipientError};
///
/// let email = Email::parse(" Siti.Aminah@Example.my ")?;
/// assert_eq!(email.as_str(), "Siti.Aminah@Example.my");
/// assert_eq!(email.to_string(), "S***@Example.my");
/// assert_eq!(email, Email::parse("siti.aminah@example.my")?);
/// # Ok::<(), RecipientError>(())
/// ```
#[derive(Clone)]
pub struct Email {
    // Shared, as each issue clones the recipient and asks the heap for the code alone.
    address: Arc<str>,
    /// ASCII alone is folded: the case of other letters depends on the version of Unicode, and a
    /// key must not.
    canonical: Arc<str>,
}

impl Email {
    /// Reads one address, without the white space around it.
    ///
    /// At most 254 bytes: up to 64 before the one `@`, letters of any script, digits and
    /// ``!#$%&'*+-./=?^_`{|}~`` (RFC 5322 and 6532, `dot-atom` without rules for dots), and a
    /// domain of two or more labels of 1 to 63 ASCII letters, digits and inner hyphens (RFC 1123,
    /// section 2.1), the last of them not digits alone (RFC 3696, section 2): `a@10.0.0.1` is a machine.
    /// Quoted local parts, comments, lists and display names are refused, as a mailer could find a second
    /// address in them, and a hyphen in front, which a mailer's command line could take for an option.
    /// International domains come as `xn--`.
    ///
    /// # Errors
    ///
    /// A [`RecipientError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let address = text.trim();
        if address.len() > MAX_ADDRESS {
            return Err(RecipientError::EmailLength);
        }
        let (local, domain) = address.split_once('@').ok_or(RecipientError::EmailAt)?;
        if domain.contains('@') {
            return Err(RecipientError::EmailAt);
        }
        if local.is_empty() || local.len() > MAX_LOCAL || !local.chars().all(is_local) {
            return Err(RecipientError::EmailLocal);
        }
        if local.starts_with('-') {
            return Err(RecipientError::EmailLocal);
        }
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let (_, top) = domain.rsplit_once('.').ok_or(RecipientError::EmailDomain)?;
        if !domain.split('.').all(is_label) || is_number(top) {
            return Err(RecipientError::EmailDomain);
        }
        Ok(Self {
            address: address.into(),
            canonical: address.to_ascii_lowercase().into(),
        })
    }

    /// Returns the address as it was written: personal data.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Returns the address with its ASCII letters in lower case, as all addresses have it that are equal to
    /// this one; for keys. Other letters stay as they are. Personal data.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl Eq for Email {}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.address.split_once('@').ok_or(fmt::Error)?;
        let mut chars = local.chars();
        if let (Some(first), Some(_), Some(_)) = (chars.next(), chars.next(), chars.next()) {
            f.write_char(first)?;
        }
        write!(f, "***@{domain}")
    }
}

/// Masked, as in `Display`.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tells whether `c` may stand before the `@`: `atext` of RFC 5322 and 6532, and the dot.
fn is_local(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-./=?^_`{|}~".contains(c)
    } else {
        c.is_alphanumeric()
    }
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let ends_well = !label.starts_with('-') && !label.ends_with('-');
    (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(is_inner) && ends_well
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;

    fn refused(text: &str) -> RecipientError {
        Email::parse(text).expect_err(text)
    }

    #[test]
    fn case_610_a_clone_is_the_same_text_and_asks_the_heap_for_nothing() {
        let email = Email::parse("Siti@Example.my").unwrap();
        let clone = email.clone();
        assert!(core::ptr::eq(email.as_str(), clone.as_str()));
        assert!(core::ptr::eq(email.canonical(), clone.canonical()));
    }

    #[test]
    fn an_address_is_kept_as_written_and_compared_without_case() {
        let email = Email::parse("\t Siti.Aminah+Loan@Mail.Example.MY\r\n").unwrap();
        assert_eq!(email.as_str(), "Siti.Aminah+Loan@Mail.Example.MY");
        assert_eq!(email.canonical(), "siti.aminah+loan@mail.example.my");
        assert_eq!(
            email,
            Email::parse("siti.AMINAH+loan@mail.example.my").unwrap()
        );
        assert_ne!(email, Email::parse("siti.aminah@mail.example.my").unwrap());
        // Only the case of ASCII is folded.
        let (upper, lower) = ("\u{C9}va@example.my", "\u{E9}va@example.my");
        assert_ne!(Email::parse(upper).unwrap(), Email::parse(lower).unwrap());
    }

    #[test]
    fn case_47_an_address_has_one_at() {
        for text in [
            "",
            " ",
            "siti",
            "siti.example.my",
            "a@b@example.my",
            "a@@example.my",
            "a@example.my,b@example.my",
            "a@example.my@",
        ] {
            assert_eq!(refused(text), RecipientError::EmailAt, "{text:?}");
        }
    }

    #[test]
    fn case_47_a_local_part_is_one_unquoted_word() {
        for text in [
            "@example.my",
            "a b@example.my",
            "a\tb@example.my",
            "a\n@example.my",
            "a\0@example.my",
            "\"a\"@example.my",
            "<a@example.my",
            "a,b@example.my",
            "a;b@example.my",
            "a:b@example.my",
            "a\\b@example.my",
            "(a)b@example.my",
            "[a]@example.my",
            "a\u{A0}b@example.my",
            "a\u{200B}@example.my",
            "a\u{202E}@example.my",
            "a\u{7F}@example.my",
            "-a@example.my",
            "-oQ/tmp@example.my",
        ] {
            assert_eq!(refused(text), RecipientError::EmailLocal, "{text:?}");
        }
        for text in [
            "a@example.my",
            "!#$%&'*+-./=?^_`{|}~@example.my",
            "\u{5B57}@example.my",
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn case_47_a_domain_has_two_labels_or_more() {
        for text in [
            "a@",
            "a@my",
            "a@.my",
            "a@example.",
            "a@example..my",
            "a@exa_mple.my",
            "a@exa mple.my",
            "a@[127.0.0.1]",
            "a@ex\u{E4}mple.my",
            "a@example.my>",
            "a@-example.my",
            "a@example-.my",
            "a@example.-my",
            "a@127.0.0.1",
            "a@example.42",
        ] {
            assert_eq!(refused(text), RecipientError::EmailDomain, "{text:?}");
        }
        for text in [
            "a@b.c",
            "a@example.com.my",
            "a@xn--exmple-cua.my",
            "a@127.0.0.my",
            "a@3m.c0m",
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let address = |local: usize, labels: &[usize]| {
            let domain = labels.iter().map(|len| format!(".{}", "d".repeat(*len)));
            let domain = domain.collect::<String>();
            let domain = domain.trim_start_matches('.');
            format!("{}@{domain}", "l".repeat(local))
        };
        assert!(Email::parse(&address(64, &[63, 63, 61])).is_ok());
        assert_eq!(address(64, &[63, 63, 61]).len(), 254);
        assert_eq!(
            refused(&address(64, &[63, 63, 62])),
            RecipientError::EmailLength
        );
        assert_eq!(refused(&address(65, &[7, 2])), RecipientError::EmailLocal);
        assert_eq!(refused(&address(1, &[64, 2])), RecipientError::EmailDomain);
        // 33 letters of two bytes each.
        let wide = format!("{}@example.my", "\u{E9}".repeat(33));
        assert_eq!(refused(&wide), RecipientError::EmailLocal);
        assert!(Email::parse(&wide[2..]).is_ok());
        assert_eq!(refused(&"a".repeat(1 << 20)), RecipientError::EmailLength);
    }

    #[test]
    fn case_75_short_local_parts_are_wholly_masked() {
        for (text, masked) in [
            ("a@example.my", "***@example.my"),
            ("ab@example.my", "***@example.my"),
            ("abc@example.my", "a***@example.my"),
            ("\u{E9}\u{E9}@example.my", "***@example.my"),
            ("\u{E9}va@example.my", "\u{E9}***@example.my"),
        ] {
            let email = Email::parse(text).unwrap();
            assert_eq!(email.to_string(), masked);
            assert_eq!(format!("{email:?}"), masked);
        }
    }
}
