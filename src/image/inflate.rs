//! Inflate (RFC 1950, RFC 1951), as far as it shows that compressed rows of pixels are whole.

use alloc::vec::Vec;

/// How far back a repetition may reach.
const WINDOW: usize = 32 * 1024;

/// What comes out: rows, each behind the number of its filter.
pub(super) struct Rows<P> {
    /// Of what is left: how many rows, and the bytes of each.
    passes: P,
    rows: usize,
    row: usize,
    /// What is left of the row.
    left: usize,
    /// The sum over all that came (RFC 1950, section 8.2).
    adler: (u32, u32),
}

impl<P: Iterator<Item = (usize, usize)>> Rows<P> {
    pub(super) fn new(passes: P) -> Self {
        Self {
            passes,
            rows: 0,
            row: 0,
            left: 0,
            adler: (1, 0),
        }
    }

    /// Says whether a zlib stream holds the rows and nothing else, each with a filter that there is.
    pub(super) fn are_in(mut self, stream: &[u8]) -> bool {
        let [method, flags, deflated @ ..] = stream else {
            return false;
        };
        let zlib = method & 0x0F == 8 && method >> 4 <= 7 && flags & 0x20 == 0;
        if !zlib || u16::from_be_bytes([*method, *flags]) % 31 != 0 {
            return false;
        }
        let sum = inflate(deflated, |byte| self.take(byte));
        let (low, high) = self.adler;
        self.left == 0 && self.turn().is_none() && sum == Some(high << 16 | low)
    }

    /// Takes a byte; `None` for one that fits nowhere.
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.left == 0 {
            self.turn()?;
            // A row begins with its filter: none, sub, up, average or Paeth (PNG, section 9).
            (byte <= 4).then_some(())?;
        }
        self.left -= 1;
        let (low, high) = &mut self.adler;
        *low = (*low + u32::from(byte)) % 65_521;
        *high = (*high + *low) % 65_521;
        Some(())
    }

    /// Turns to the next row; `None` if there is none.
    fn turn(&mut self) -> Option<()> {
        while self.rows == 0 {
            (self.rows, self.row) = self.passes.next()?;
        }
        self.rows -= 1;
        self.left = self.row;
        Some(())
    }
}

/// Hands out all that is compressed, and returns the sum behind it; `None` where `take` refuses a
/// byte, or the data is not deflated.
fn inflate(deflated: &[u8], take: impl FnMut(u8) -> Option<()>) -> Option<u32> {
    let mut input = Bits {
        data: deflated,
        held: 0,
        count: 0,
    };
    let mut output = Output {
        window: Vec::with_capacity(WINDOW),
        made: 0,
        take,
    };
    loop {
        let last = input.bits(1)? == 1;
        match input.bits(2)? {
            0 => stored(&mut input, &mut output)?,
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                let codes = (
                    Huffman::new(&lengths, false)?,
                    Huffman::new(&[5; 32], false)?,
                );
                compressed(&mut input, &mut output, &codes)?;
            }
            2 => {
                let codes = codes(&mut input)?;
                compressed(&mut input, &mut output, &codes)?;
            }
            _ => return None,
        }
        if last {
            input.align();
            let sum = [
                input.bits(8)?,
                input.bits(8)?,
                input.bits(8)?,
                input.bits(8)?,
            ];
            return Some(sum.into_iter().fold(0, |sum, byte| sum << 8 | byte));
        }
    }
}

/// Copies a block that is stored (section 3.2.4).
fn stored<F>(input: &mut Bits<'_>, output: &mut Output<F>) -> Option<()>
where
    F: FnMut(u8) -> Option<()>,
{
    input.align();
    let (length, check) = (input.bits(16)?, input.bits(16)?);
    if length ^ check != 0xFFFF {
        return None;
    }
    for _ in 0..length {
        let byte = input.bits(8)?;
        output.push(byte.to_le_bytes()[0])?;
    }
    Some(())
}

/// Expands a block (section 3.2.5).
fn compressed<F>(
    input: &mut Bits<'_>,
    output: &mut Output<F>,
    (symbols, distances): &(Huffman, Huffman),
) -> Option<()>
where
    F: FnMut(u8) -> Option<()>,
{
    loop {
        let symbol = symbols.decode(input)?;
        match symbol {
            0..256 => output.push(symbol.to_le_bytes()[0])?,
            256 => return Some(()),
            _ => {
                let (base, extra) = *LENGTHS.get(usize::from(symbol) - 257)?;
                let length = usize::from(base) + input.bits(extra.into())? as usize;
                let (base, extra) = *DISTANCES.get(usize::from(distances.decode(input)?))?;
                let distance = usize::from(base) + input.bits(extra.into())? as usize;
                for _ in 0..length {
                    let byte = output.back(distance)?;
                    output.push(byte)?;
                }
            }
        }
    }
}

/// Reads the codes of a block (section 3.2.7).
fn codes(input: &mut Bits<'_>) -> Option<(Huffman, Huffman)> {
    let symbols = input.bits(5)? as usize + 257;
    let distances = input.bits(5)? as usize + 1;
    let count = input.bits(4)? as usize + 4;
    if symbols > 286 || distances > 30 {
        return None;
    }
    let mut of_lengths = [0; 19];
    for place in ORDER.iter().take(count) {
        of_lengths[*place] = input.bits(3)?.to_le_bytes()[0];
    }
    let of_lengths = Huffman::new(&of_lengths, false)?;
    let mut lengths = [0; 286 + 30];
    let (mut at, all) = (0, symbols + distances);
    while at < all {
        let (length, times) = match of_lengths.decode(input)? {
            length @ 0..16 => (length.to_le_bytes()[0], 1),
            16 => (lengths[at.checked_sub(1)?], 3 + input.bits(2)? as usize),
            17 => (0, 3 + input.bits(3)? as usize),
            _ => (0, 11 + input.bits(7)? as usize),
        };
        lengths[..all].get_mut(at..at + times)?.fill(length);
        at += times;
    }
    let (of_symbols, of_distances) = lengths[..all].split_at_checked(symbols)?;
    // A block must be able to end.
    if *of_symbols.get(256)? == 0 {
        return None;
    }
    Some((
        Huffman::new(of_symbols, true)?,
        Huffman::new(of_distances, true)?,
    ))
}

/// The bits of the input, the lowest of a byte first.
struct Bits<'a> {
    data: &'a [u8],
    held: u32,
    count: u32,
}

impl Bits<'_> {
    /// Leaves out what is left of a byte.
    const fn align(&mut self) {
        (self.held, self.count) = (0, 0);
    }

    /// Takes at most 16 bits.
    fn bits(&mut self, wanted: u32) -> Option<u32> {
        while self.count < wanted {
            let (byte, rest) = self.data.split_first()?;
            self.held |= u32::from(*byte) << self.count;
            (self.data, self.count) = (rest, self.count + 8);
        }
        let taken = self.held & ((1 << wanted) - 1);
        (self.held, self.count) = (self.held >> wanted, self.count - wanted);
        Some(taken)
    }
}

/// A canonical code: how many symbols have each length, and the symbols by their code.
struct Huffman {
    counts: [u16; 16],
    symbols: [u16; 288],
}

impl Huffman {
    /// Makes a code of the lengths of its symbols; `None` where it has too many codes, or too few:
    /// one alone, of one bit, is enough where a code may be `short` (as zlib has it).
    fn new(lengths: &[u8], short: bool) -> Option<Self> {
        let mut code = Self {
            counts: [0; 16],
            symbols: [0; 288],
        };
        for length in lengths {
            *code.counts.get_mut(usize::from(*length))? += 1;
        }
        let used = lengths.len() - usize::from(code.counts[0]);
        let mut free = 1_u32;
        let mut begins = [0; 16];
        for length in 1..16 {
            free = (free * 2).checked_sub(code.counts[length].into())?;
            begins[length] = begins[length - 1];
            if length > 1 {
                begins[length] += code.counts[length - 1];
            }
        }
        let of_one_bit = usize::from(code.counts[1]) == used;
        if free > 0 && !(short && of_one_bit) {
            return None;
        }
        for (symbol, length) in (0..).zip(lengths) {
            if let Some(place) = begins.get_mut(usize::from(*length)).filter(|_| *length > 0) {
                code.symbols[usize::from(*place)] = symbol;
                *place += 1;
            }
        }
        Some(code)
    }

    fn decode(&self, input: &mut Bits<'_>) -> Option<u16> {
        let (mut code, mut first, mut before) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= input.bits(1)?;
            let count = u32::from(*count);
            if code < first + count {
                return self.symbols.get((before + code - first) as usize).copied();
            }
            before += count;
            first = (first + count) * 2;
            code *= 2;
        }
        None
    }
}

/// What was expanded lately, and who takes it.
struct Output<F> {
    window: Vec<u8>,
    made: usize,
    take: F,
}

impl<F: FnMut(u8) -> Option<()>> Output<F> {
    fn push(&mut self, byte: u8) -> Option<()> {
        let at = self.made % WINDOW;
        match self.window.get_mut(at) {
            Some(place) => *place = byte,
            None => self.window.push(byte),
        }
        self.made += 1;
        (self.take)(byte)
    }

    fn back(&self, distance: usize) -> Option<u8> {
        let at = self.made.checked_sub(distance)?;
        self.window.get(at % WINDOW).copied()
    }
}

/// The order in which lengths of lengths come.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Of each length symbol from 257 on: the shortest length, and how many bits are added.
const LENGTHS: [(u16, u8); 29] = table(3, 4);

/// Of each distance symbol: the shortest distance, and how many bits are added.
const DISTANCES: [(u16, u8); 30] = table(1, 2);

/// Each `group` symbols, the first two groups apart, have one bit more than those before.
const fn table<const N: usize>(first: u16, group: usize) -> [(u16, u8); N] {
    let mut table = [(first, 0); N];
    let mut at = 1;
    while at < N {
        let (base, bits) = table[at - 1];
        let more = at > group && at % group == 0;
        table[at] = (base + (1 << bits), if more { bits + 1 } else { bits });
        at += 1;
    }
    if N == 29 {
        // The longest length has a symbol of its own.
        table[28] = (258, 0);
    }
    table
}
