//! The text that carries a code: composed from a template, checked, and counted in SMS segments.

mod segments;

use alloc::string::{String, ToString};
use core::fmt;

use zeroize::Zeroizing;

use crate::code::MAX_LEN;
use crate::shown;

pub use segments::Encoding;

/// Where the code goes; a template holds it once.
const CODE: &str = "#otp#";
/// Where the validity goes, in minutes.
const DURATION: &str = "#duration#";
/// Where goes what is approved.
const SUBJECT: &str = "#subject#";
/// The most segments of one message: what gateways take.
const MAX_SEGMENTS: usize = 10;
/// The most bytes of a message that Android's SMS Retriever reads.
const MAX_RETRIEVED: usize = 140;
/// The symbols of an Android app's hash.
const APP_HASH: usize = 11;

/// A checked template for messages.
///
/// `#otp#` stands for the code and occurs once; `#duration#` stands for the minutes of its validity,
/// `#subject#` for what is being approved (payee and amount), so that the person sees what the code
/// is good for. A required prefix goes first. `domain` adds the last line of an origin-bound code
/// (`@loans.example #123456`, WICG "Origin-bound one-time codes delivered via SMS"), by which a
/// browser fills the code in on that site alone; `app_hash` adds the line by which Android hands the
/// message to one app (SMS Retriever API).
///
/// A template or subject is refused if autofill could take another run of symbols than the code for
/// the code: outside of it no run of four or more letters and digits may hold a digit.
///
/// ```
/// use otp_engine::message::{Encoding, MessageTemplate};
///
/// let template = MessageTemplate::builder("#otp# approves #subject#. Good for #duration# min.")
///     .prefix("RM0.00 ")
///     .domain("loans.example")
///     .build()?;
/// let message = template.compose("482913", 3, "RM 12,000 to Siti")?;
/// assert_eq!(
///     message.text(),
///     "RM0.00 482913 approves RM 12,000 to Siti. Good for 3 min.\n@loans.example #482913"
/// );
/// assert_eq!((message.encoding(), message.segments()), (Encoding::Gsm7, 1));
///
/// let error = template.compose("482913", 3, "loan 20261").err().unwrap();
/// assert_eq!(
///     error.to_string(),
///     "subject holds \"20261\", which autofill could take for the code; \
///      a run of letters and digits that holds a digit must be at most 3 symbols"
/// );
/// # Ok::<(), otp_engine::message::MessageError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageTemplate {
    body: String,
    domain: Option<String>,
    app_hash: Option<String>,
}

impl MessageTemplate {
    /// Starts from the template's text.
    pub fn builder(text: &str) -> MessageTemplateBuilder<'_> {
        MessageTemplateBuilder {
            text,
            prefix: "",
            domain: None,
            app_hash: None,
        }
    }

    /// Writes the message for a code.
    ///
    /// `code` is 4 to 26 ASCII letters and digits, as [`Code::as_str`](crate::Code::as_str) gives
    /// it; `minutes` is what is left of its validity, as [`Issued::minutes`](crate::Issued::minutes)
    /// gives it; `subject` is what is approved, empty exactly if the template
    /// has no place for it.
    ///
    /// # Errors
    ///
    /// [`MessageError`] names the argument and its bound. It never holds the code.
    pub fn compose(
        &self,
        code: &str,
        minutes: u32,
        subject: &str,
    ) -> Result<Message, MessageError> {
        if !(4..=MAX_LEN).contains(&code.len()) || !code.bytes().all(|c| c.is_ascii_alphanumeric())
        {
            return Err(MessageError::Code);
        }
        if minutes == 0 {
            return Err(MessageError::Minutes);
        }
        if shown::first_hidden(subject).is_some() {
            return Err(MessageError::Control {
                argument: "subject",
            });
        }
        match (self.body.contains(SUBJECT), subject.is_empty()) {
            (true, _) if !shown::shows(subject) => return Err(MessageError::SubjectMissing),
            (false, false) => return Err(MessageError::SubjectUnused),
            _ => {}
        }
        unambiguous(subject, "subject")?;
        if is_like_a_line_for_autofill(subject) {
            return Err(MessageError::AutofillLine);
        }
        let open = self.body.replace(DURATION, &minutes.to_string());
        let around = open.replace(CODE, " ");
        unambiguous(&around.replace(SUBJECT, " "), "template")?;
        // Letters and digits that stand beside the subject make one run with its own.
        unambiguous(&around.replace(SUBJECT, subject), "subject")?;
        // Allocated once: what a growing text leaves behind would not be wiped.
        let lines = self.domain.as_ref().map_or(0, String::len)
            + self.app_hash.as_ref().map_or(0, String::len);
        let subjects = open.matches(SUBJECT).count() * subject.len();
        let room = open.len() + subjects + lines + 2 * MAX_LEN + 8;
        let mut text = Zeroizing::new(String::with_capacity(room));
        let (before, after) = open.split_once(CODE).unwrap_or((&open, ""));
        push(&mut text, before, subject);
        text.push_str(code);
        push(&mut text, after, subject);
        if let Some(hash) = &self.app_hash {
            text.push('\n');
            text.push_str(hash);
        }
        if let Some(domain) = &self.domain {
            text.push_str("\n@");
            text.push_str(domain);
            text.push_str(" #");
            text.push_str(code);
        }
        debug_assert!(text.len() <= room, "the text grew");
        if self.app_hash.is_some() && text.len() > MAX_RETRIEVED {
            return Err(MessageError::NotRetrieved { bytes: text.len() });
        }
        let encoding = Encoding::of(&text);
        let (units, segments) = segments::count(&text, encoding);
        if segments > MAX_SEGMENTS {
            return Err(MessageError::TooLong { segments });
        }
        Ok(Message {
            text,
            encoding,
            units,
            segments,
        })
    }
}

/// Appends a part of a template with the subject in its places.
fn push(text: &mut String, part: &str, subject: &str) {
    for (index, piece) in part.split(SUBJECT).enumerate() {
        if index > 0 {
            text.push_str(subject);
        }
        text.push_str(piece);
    }
}

/// Makes a [`MessageTemplate`]; see there.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct MessageTemplateBuilder<'a> {
    text: &'a str,
    prefix: &'a str,
    domain: Option<&'a str>,
    app_hash: Option<&'a str>,
}

impl<'a> MessageTemplateBuilder<'a> {
    /// Sets what each message must begin with, such as `RM0.00 ` where a carrier asks for the price;
    /// added unless the template begins with it.
    pub const fn prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = prefix;
        self
    }

    /// Sets the site for which a browser may fill the code in: a domain in lower-case ASCII.
    pub const fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the 11 symbols of base64 by which Android knows the app; a message then has at most
    /// 140 bytes.
    pub const fn app_hash(mut self, app_hash: &'a str) -> Self {
        self.app_hash = Some(app_hash);
        self
    }

    /// Makes the template.
    ///
    /// # Errors
    ///
    /// [`MessageError`] names the argument and what it must be.
    pub fn build(self) -> Result<MessageTemplate, MessageError> {
        let mut body = String::new();
        if !self.text.starts_with(self.prefix) {
            body.push_str(self.prefix);
        }
        body.push_str(self.text);
        if shown::first_hidden(self.prefix).is_some() || self.prefix.contains('#') {
            return Err(MessageError::Control { argument: "prefix" });
        }
        if body
            .split('\n')
            .any(|line| shown::first_hidden(line).is_some())
        {
            return Err(MessageError::Control {
                argument: "template",
            });
        }
        let count = body.matches(CODE).count();
        let Some((before, after)) = body.split_once(CODE).filter(|_| count == 1) else {
            return Err(MessageError::OtpPlaceholder { count });
        };
        // What takes a placeholder's place may be a digit.
        let filled = |part: &str| part.replace(DURATION, "0").replace(SUBJECT, "0");
        if !opens(&filled(before)) || !closes(&filled(after)) {
            return Err(MessageError::Glued);
        }
        if has_placeholder(
            &body
                .replace(CODE, " ")
                .replace(DURATION, " ")
                .replace(SUBJECT, " "),
        ) {
            return Err(MessageError::Placeholder);
        }
        if let Some(domain) = self.domain {
            let label = |label: &str| {
                let symbol = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                (1..=63).contains(&label.len()) && label.bytes().all(symbol)
            };
            if domain.len() > 253 || !domain.split('.').all(label) {
                return Err(MessageError::Domain);
            }
        }
        if let Some(hash) = self.app_hash {
            let symbol = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            if hash.len() != APP_HASH || !hash.bytes().all(symbol) {
                return Err(MessageError::AppHash);
            }
        }
        let template = MessageTemplate {
            body,
            domain: self.domain.map(ToString::to_string),
            app_hash: self.app_hash.map(ToString::to_string),
        };
        // What would be refused for every code is refused here, where somebody reads it.
        let subject = if template.body.contains(SUBJECT) {
            "-"
        } else {
            ""
        };
        template.compose("000000", 3, subject)?;
        Ok(template)
    }
}

/// What a code may follow beside white space: what opens a quote, introduces, or ends a sentence.
const OPENING: &str = "([{<>\"':\u{ab}\u{2018}\u{201c}\u{201e}\u{3001}\u{3002}\u{300a}\u{300c}\u{300e}\
                       \u{3010}\u{ff08}\u{ff0c}\u{ff1a}";
/// What may follow a code unless a letter or digit comes next: `.50` is a part of a number.
const CLOSING: &str = ")]}<>\"'.,;:!?\u{bb}\u{2019}\u{201d}";
/// What may follow a code whatever comes next.
const CLOSING_WIDE: &str = "\u{3001}\u{3002}\u{300b}\u{300d}\u{300f}\u{3011}\u{ff01}\u{ff09}\u{ff0c}\
                            \u{ff1a}\u{ff1b}\u{ff1f}";

/// Tells whether a code that follows this text stands for itself.
fn opens(before: &str) -> bool {
    let mut symbols = before.chars().rev();
    symbols.next().is_none_or(|symbol| {
        let opening = OPENING.contains(symbol);
        // `12:` before a code is a time, or a part of a number.
        let number = symbol == ':' && symbols.next().is_some_and(char::is_numeric);
        symbol.is_whitespace() || opening && !number
    })
}

/// Tells whether a code that this text follows stands for itself.
fn closes(after: &str) -> bool {
    let mut symbols = after.chars();
    symbols.next().is_none_or(|symbol| {
        symbol.is_whitespace()
            || CLOSING_WIDE.contains(symbol)
            || CLOSING.contains(symbol) && !symbols.next().is_some_and(char::is_alphanumeric)
    })
}

/// Tells whether a subject could pass for one of the lines that autofill looks for: the hash of an
/// Android app, 11 symbols of base64 that are no word, or the site of an origin-bound code.
fn is_like_a_line_for_autofill(subject: &str) -> bool {
    let base64 = |symbol: char| symbol.is_ascii_alphanumeric() || "+/".contains(symbol);
    let is_word = |run: &str| {
        let rest = run.get(1..).unwrap_or("");
        let all = |text: &str, case: fn(&u8) -> bool| text.bytes().all(|byte| case(&byte));
        all(rest, u8::is_ascii_lowercase) && all(&run[..1], u8::is_ascii_alphabetic)
            || all(run, u8::is_ascii_uppercase)
    };
    let is_hash = |run: &str| run.len() == APP_HASH && !is_word(run);
    let is_site = |word: &str| word.len() > 1 && word.starts_with('@');
    subject.split(|symbol| !base64(symbol)).any(is_hash)
        || subject.split_whitespace().any(is_site) && subject.contains('#')
}

/// Tells whether a text holds something like `#name#`.
fn has_placeholder(text: &str) -> bool {
    let mut parts = text.split('#');
    parts.next();
    let mut inner = parts.peekable();
    while let Some(part) = inner.next() {
        let named = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
        if named && inner.peek().is_some() {
            return true;
        }
    }
    false
}

/// Refuses a text in which autofill could find a code.
fn unambiguous(text: &str, argument: &'static str) -> Result<(), MessageError> {
    let is_other = |symbol: char| !symbol.is_alphanumeric();
    let could_be = |run: &&str| run.chars().count() >= 4 && run.contains(char::is_numeric);
    match text.split(is_other).find(could_be) {
        Some(run) => Err(MessageError::Ambiguous {
            argument,
            run: run.chars().take(32).collect(),
        }),
        None => Ok(()),
    }
}

/// A message that holds a code, wiped when dropped; it has no `Debug`, as [`Code`](crate::Code) has
/// none.
#[expect(missing_debug_implementations, reason = "a code never reaches a log")]
pub struct Message {
    text: Zeroizing<String>,
    encoding: Encoding,
    units: usize,
    segments: usize,
}

impl Message {
    /// Returns the text to send.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the alphabet in which it travels as an SMS.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the length: septets in GSM 7-bit, UTF-16 units in UCS-2.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Returns how many SMS it takes, which is what a gateway charges for: 1 to 10.
    #[must_use]
    pub const fn segments(&self) -> usize {
        self.segments
    }
}

/// Why a template or message was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MessageError {
    /// `#otp#` occurs so many times.
    OtpPlaceholder {
        /// How many times.
        count: usize,
    },
    /// `#otp#` touches something that could be taken for a part of the code.
    Glued,
    /// The subject could be taken for one of the lines by which autofill finds a code.
    AutofillLine,
    /// The template holds a placeholder that is not known.
    Placeholder,
    /// A text holds a control character, or a mark that turns the direction of writing.
    Control {
        /// Which text.
        argument: &'static str,
    },
    /// The domain is none.
    Domain,
    /// The hash is not one of an Android app.
    AppHash,
    /// The code is not 4 to 26 letters and digits.
    Code,
    /// The validity is zero.
    Minutes,
    /// The template has a place for a subject, and none was given, or one that shows nothing.
    SubjectMissing,
    /// A subject was given, and the template has no place for it.
    SubjectUnused,
    /// A text holds a run of symbols that autofill could take for the code.
    Ambiguous {
        /// Which text.
        argument: &'static str,
        /// The run, at most 32 symbols of it.
        run: String,
    },
    /// The message takes more than ten segments.
    TooLong {
        /// How many it takes.
        segments: usize,
    },
    /// The message has more bytes than Android's SMS Retriever reads.
    NotRetrieved {
        /// How many it has.
        bytes: usize,
    },
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtpPlaceholder { count } => {
                write!(f, "template holds #otp# {count} times; it must hold it once")
            }
            Self::Glued => f.write_str(
                "#otp# touches another symbol in template; it must stand between white space, \
                 quotes, brackets or the marks that end a sentence",
            ),
            Self::AutofillLine => f.write_str(
                "subject holds what autofill could take for the hash of an Android app or for the \
                 site of a code; it must hold neither 11 mixed symbols of base64 in a row nor \
                 @ before #",
            ),
            Self::Placeholder => f.write_str(
                "template holds an unknown placeholder; it may hold #otp#, #duration# and #subject#",
            ),
            Self::Control { argument } => {
                write!(f, "{argument} holds a control character")
            }
            Self::Domain => {
                f.write_str("domain must be lower-case letters, digits, hyphens and dots, without a scheme")
            }
            Self::AppHash => write!(f, "app_hash must be {APP_HASH} symbols of base64"),
            Self::Code => write!(f, "code must be 4 to {MAX_LEN} ASCII letters and digits"),
            Self::Minutes => f.write_str("minutes is 0; it must be at least 1"),
            Self::SubjectMissing => {
                f.write_str("subject is empty or blank, and the template has a place for it")
            }
            Self::SubjectUnused => {
                f.write_str("subject is given, and the template has no #subject#")
            }
            Self::Ambiguous { argument, run } => write!(
                f,
                "{argument} holds {run:?}, which autofill could take for the code; \
                 a run of letters and digits that holds a digit must be at most 3 symbols"
            ),
            Self::TooLong { segments } => write!(
                f,
                "the message takes {segments} segments; it must be at most {MAX_SEGMENTS}"
            ),
            Self::NotRetrieved { bytes } => write!(
                f,
                "the message has {bytes} bytes; with app_hash it must be at most {MAX_RETRIEVED}"
            ),
        }
    }
}

impl core::error::Error for MessageError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str) -> Result<MessageTemplate, MessageError> {
        MessageTemplate::builder(text).build()
    }

    fn text(template: &MessageTemplate) -> String {
        let message = template.compose("123456", 3, "").expect("a message");
        message.text().into()
    }

    #[test]
    fn the_code_has_one_place() {
        assert_eq!(text(&built("Code #otp#.").unwrap()), "Code 123456.");
        for (template, count) in [("Code", 0), ("#otp# #otp#", 2)] {
            assert_eq!(built(template), Err(MessageError::OtpPlaceholder { count }));
        }
        for glued in ["A#otp#", "#otp#1", "é#otp#"] {
            assert_eq!(built(glued), Err(MessageError::Glued));
        }
    }

    #[test]
    fn a_misspelt_placeholder_is_refused_and_a_plain_number_sign_is_not() {
        assert_eq!(
            built("#otp# for #subjct# now"),
            Err(MessageError::Placeholder)
        );
        assert_eq!(text(&built("#otp# is #1").unwrap()), "123456 is #1");
        assert_eq!(text(&built("# #otp# # a b #").unwrap()), "# 123456 # a b #");
    }

    #[test]
    fn case_374_a_subject_makes_no_code_with_what_stands_beside_it() {
        for (template, subject, run) in [
            ("#otp# approves MYR #subject#00", "12", "1200"),
            ("#otp# is for REF#subject#", "7", "REF7"),
            ("#otp# #subject#sjtbu", "loan *61", "61sjtbu"),
            ("#otp# #subject##subject#", "12", "1212"),
        ] {
            let template = built(template).unwrap();
            let refused = template.compose("482913", 3, subject).err();
            let (argument, run) = ("subject", run.into());
            assert_eq!(refused, Some(MessageError::Ambiguous { argument, run }));
            assert!(template.compose("482913", 3, "x").is_ok());
        }
    }

    #[test]
    fn a_prefix_goes_first_and_only_once() {
        let prefixed = |text| MessageTemplate::builder(text).prefix("RM0.00 ").build();
        assert_eq!(text(&prefixed("#otp#").unwrap()), "RM0.00 123456");
        assert_eq!(text(&prefixed("RM0.00 #otp#").unwrap()), "RM0.00 123456");
    }

    #[test]
    fn the_origin_bound_line_is_last_and_exact() {
        let template = MessageTemplate::builder("Code #otp#.")
            .domain("loans.example")
            .app_hash("FA+9qCX9VSu")
            .build()
            .unwrap();
        assert_eq!(
            text(&template),
            "Code 123456.\nFA+9qCX9VSu\n@loans.example #123456"
        );
        for domain in ["", "https://loans.example", "Loans.example", "a..b", "a b"] {
            let refused = MessageTemplate::builder("#otp#").domain(domain).build();
            assert_eq!(refused, Err(MessageError::Domain), "{domain}");
        }
        for hash in ["FA+9qCX9VS", "FA+9qCX9VSu1", "FA-9qCX9VSu"] {
            let refused = MessageTemplate::builder("#otp#").app_hash(hash).build();
            assert_eq!(refused, Err(MessageError::AppHash), "{hash}");
        }
    }

    #[test]
    fn another_run_that_autofill_could_take_is_refused() {
        for run in ["2026", "A123", "60123456789", "LN12345", "١٢٣٤"] {
            let ambiguous = |argument| {
                Err(MessageError::Ambiguous {
                    argument,
                    run: run.into(),
                })
            };
            assert_eq!(built(&format!("#otp# {run}")), ambiguous("template"));
            let template = built("#otp# #subject#").unwrap();
            let refused = template.compose("123456", 3, run).map(drop);
            assert_eq!(refused, ambiguous("subject").map(drop));
        }
        for fine in ["123", "RM 12,000.00", "loan A12", "Siti binti Ahmad"] {
            let template = built("#otp# #subject#").unwrap();
            assert!(template.compose("123456", 3, fine).is_ok(), "{fine}");
        }
        // A validity of four digits is such a run as well.
        let template = built("#otp# #duration#").unwrap();
        assert!(template.compose("123456", 999, "").is_ok());
        assert!(template.compose("123456", 1000, "").is_err());
    }

    #[test]
    fn a_subject_adds_no_line_and_no_placeholder() {
        let template = built("#otp# #subject#").unwrap();
        let control = |subject: &str| template.compose("123456", 3, subject).map(drop);
        for subject in ["a\n@evil.example #111", "a\u{202e}b", "a\0"] {
            assert_eq!(
                control(subject),
                Err(MessageError::Control {
                    argument: "subject"
                })
            );
        }
        let message = template.compose("123456", 3, "#otp# #duration#").unwrap();
        assert_eq!(message.text(), "123456 #otp# #duration#");
        assert_eq!(control(""), Err(MessageError::SubjectMissing));
        let plain = built("#otp#").unwrap().compose("123456", 3, "x").map(drop);
        assert_eq!(plain, Err(MessageError::SubjectUnused));
    }

    #[test]
    fn case_365_nothing_is_glued_to_the_code() {
        for glued in [
            "ABC-#otp#",
            "G_#otp#",
            "a/#otp#",
            "+#otp#",
            "RM#otp#",
            "$#otp#",
            "1.#otp#",
            "#otp#-1",
            "#otp#/2",
            "#otp#.50",
            "#otp#\u{200b}x",
            "\u{200b}#otp#",
            "\u{2060}#otp#",
            "##otp#",
        ] {
            let refused = built(glued).unwrap_err();
            assert!(
                matches!(refused, MessageError::Glued | MessageError::Control { .. }),
                "{glued:?}: {refused}"
            );
        }
        for free in [
            "#otp#",
            "Code: #otp#.",
            "Code:#otp#, good for #duration# min",
            "(#otp#)",
            "\u{201c}#otp#\u{201d}",
            "\u{3010}Acme\u{3011}\u{9a8c}\u{8bc1}\u{7801}\u{ff1a}#otp#\u{ff0c}\u{8bf7}",
            "Your code\n#otp#\nKeep it",
        ] {
            assert!(built(free).is_ok(), "{free:?}");
        }
    }

    #[test]
    fn case_366_no_subject_passes_for_a_line_of_autofill() {
        let template = built("#otp# approves #subject#").unwrap();
        let composed = |subject: &str| template.compose("123456", 3, subject).map(drop);
        for subject in [
            "FA9+qCX/VSu",
            "RM 12 to FA9+qCX/VSu",
            "qCXaVSuabcD",
            "@evil.example #abc",
            "to @evil.example and #x",
        ] {
            assert_eq!(
                composed(subject),
                Err(MessageError::AutofillLine),
                "{subject:?}"
            );
        }
        for subject in [
            "application of Siti",
            "Mississippi",
            "MISSISSIPPI",
            "RM 12,000 to siti@example.my",
            "no. 7, @siti",
        ] {
            assert_eq!(composed(subject), Ok(()), "{subject:?}");
        }
    }

    #[test]
    fn codes_and_minutes_are_checked() {
        let template = built("#otp#").unwrap();
        let composed = |code: &str, minutes| template.compose(code, minutes, "").map(drop);
        assert_eq!(composed("1234", 1), Ok(()));
        assert_eq!(composed(&"A".repeat(26), 1), Ok(()));
        for code in ["123", &"A".repeat(27), "12 456", ""] {
            assert_eq!(composed(code, 1), Err(MessageError::Code));
        }
        assert_eq!(composed("123456", 0), Err(MessageError::Minutes));
    }

    #[test]
    fn a_message_has_at_most_ten_segments_and_with_a_hash_140_bytes() {
        let long = |n| format!("#otp#{}", ".".repeat(n));
        let message = built(&long(1524))
            .unwrap()
            .compose("123456", 3, "")
            .unwrap();
        assert_eq!((message.units(), message.segments()), (1530, 10));
        assert_eq!(
            built(&long(1525)),
            Err(MessageError::TooLong { segments: 11 })
        );
        let hashed = |n| {
            MessageTemplate::builder(&long(n))
                .app_hash("FA+9qCX9VSu")
                .build()
        };
        assert!(hashed(122).is_ok());
        assert_eq!(hashed(123), Err(MessageError::NotRetrieved { bytes: 141 }));
    }

    #[test]
    fn case_425_what_takes_a_place_is_not_glued_to_the_code_either() {
        for glued in [
            "#otp#.#subject#",
            "#otp#,#duration# min",
            "(#otp#)#subject#",
            "#subject#:#otp#",
            "12:#otp#",
        ] {
            assert_eq!(built(glued), Err(MessageError::Glued), "{glued}");
        }
        for free in [
            "#otp#. #subject#",
            "Code for #subject#: #otp#",
            "Code:#otp#",
        ] {
            assert!(built(free).is_ok(), "{free}");
        }
    }

    #[test]
    fn case_425_a_subject_that_shows_nothing_is_none() {
        let template = built("#otp# approves #subject#").unwrap();
        for blank in ["", " ", "\u{a0}\u{3000}", "\u{2800}"] {
            let refused = template.compose("123456", 3, blank).map(drop);
            assert_eq!(refused, Err(MessageError::SubjectMissing), "{blank:?}");
        }
    }
}
