//! Texts as people type and paste them, and what they mean.

/// What was entered, and the digits that it means, if only digits.
pub(crate) struct EnteredCode {
    pub(crate) bytes: Vec<u8>,
    pub(crate) means: Option<String>,
}

/// The same code as people type and paste it.
pub(crate) fn dress(code: &str, how: u8) -> String {
    let (head, tail) = code.split_at(code.len() / 2);
    let script = |zero: u32| {
        let digit = |c: char| char::from_u32(zero + c.to_digit(10).unwrap()).unwrap();
        code.chars().map(digit).collect()
    };
    match how % 8 {
        0 => format!("{head} {tail}"),
        1 => format!("{head}-{tail}"),
        2 => format!("\t{head}\u{a0}{tail}\n"),
        3 => format!("\u{200f}{head}\u{200b}{tail}\u{200e}"),
        4 => script(0x0660),
        5 => script(0x06f0),
        6 => script(0x0966),
        _ => script(0xff10),
    }
}

/// Texts that are no code, whatever the code is.
pub(crate) fn malformed(code: &str) -> Vec<Vec<u8>> {
    let mut nul = code.as_bytes().to_vec();
    nul.extend(b"\0x");
    let mut invalid = code.as_bytes()[1..].to_vec();
    invalid.push(0xff);
    vec![
        Vec::new(),
        b"+12345".to_vec(),
        b"1e5".to_vec(),
        b"0x1234".to_vec(),
        "\u{b9}\u{b2}\u{b3}\u{2074}\u{2075}\u{2076}".into(),
        format!("{code}.0").into_bytes(),
        format!("your code is {code}").into_bytes(),
        nul,
        invalid,
        vec![b'x'; 4_096],
    ]
}
