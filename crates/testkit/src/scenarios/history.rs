//! What processes or tasks asked of codes and heard, in the order in which it happened, judged twice: by
//! counting, and by looking for an order in which one caller would have heard the same.
//!
//! All of them append to one file, a line before each call and one after it. A line is appended
//! as a whole, so the file's own order is that of time, over all of them and without a clock. Where a
//! player is killed as it writes over the end of a page, or the file is read at that moment, a piece of a
//! line is seen: a call that was not made yet, or an answer that nobody heard. Each line begins anew, so that
//! the piece stands alone.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Write as _,
    path::Path,
};

use crate::support::{
    fixture::MAX_ATTEMPTS,
    linearizable::{Call, linearizable},
    slot::{Op, Ret, Slot},
};

/// Where one process writes down its calls.
pub(super) struct Diary {
    file: File,
    player: u64,
    calls: u64,
}

impl Diary {
    pub(super) fn new(file: &Path, player: u64) -> Self {
        let file = File::options().create(true).append(true).open(file);
        Self {
            file: file.unwrap(),
            player,
            calls: 0,
        }
    }

    /// Writes down what is asked, asks, and writes down what is heard; an error is no answer.
    pub(super) fn ask(
        &mut self,
        slot: u32,
        op: Op,
        ask: impl FnOnce() -> Option<Ret>,
    ) -> Option<Ret> {
        let call = self.asks(slot, op);
        let heard = ask();
        self.heard(call, heard);
        heard
    }

    /// Writes down what is asked; returns the number of the call.
    pub(super) fn asks(&mut self, slot: u32, op: Op) -> u64 {
        let call = self.player << 32 | self.calls;
        self.calls += 1;
        let op = if op == Op::Right { 'R' } else { 'W' };
        self.line(&format!("\n? {call} {slot} {op}\n"));
        call
    }

    /// Writes down what is heard, if anything.
    pub(super) fn heard(&mut self, call: u64, heard: Option<Ret>) {
        if let Some(heard) = heard {
            self.line(&format!("\n! {call} {}\n", name(heard)));
        }
    }

    fn line(&mut self, line: &str) {
        self.file.write_all(line.as_bytes()).unwrap();
    }
}

/// The calls of all processes, slot by slot.
#[derive(Debug, Default)]
pub(super) struct History(BTreeMap<u32, Vec<Call<Op, Ret>>>);

impl History {
    pub(super) fn read(text: &str) -> Self {
        let mut all: BTreeMap<u32, Vec<Call<Op, Ret>>> = BTreeMap::new();
        let mut open = HashMap::new();
        for (tick, line) in (0..).zip(text.lines()) {
            let words: Vec<_> = line.split(' ').collect();
            match *words {
                ["?", call, slot, op @ ("R" | "W")] => {
                    let slot = slot.parse().unwrap();
                    let calls = all.entry(slot).or_default();
                    open.insert(call, (slot, calls.len()));
                    calls.push(Call {
                        from: tick,
                        to: u64::MAX,
                        op: if op == "R" { Op::Right } else { Op::Wrong },
                        ret: None,
                    });
                }
                ["!", call, heard] => {
                    let Some(heard) = of_name(heard) else {
                        continue; // a piece
                    };
                    let (slot, at) = open.remove(call).unwrap();
                    let call = &mut all.get_mut(&slot).unwrap()[at];
                    (call.to, call.ret) = (tick, Some(heard));
                }
                [""] | ["?" | "!"] | ["?" | "!", _] | ["?", _, _] | ["?", _, _, ""] => {} // none, or a piece
                _ => panic!("line {tick} is {line:?}"),
            }
        }
        Self(all)
    }

    /// Returns how many calls there were, and how many of them had no answer.
    pub(super) fn calls(&self) -> (usize, usize) {
        let calls = || self.0.values().flatten();
        let unanswered = calls().filter(|call| call.ret.is_none()).count();
        (calls().count(), unanswered)
    }

    /// Judges by counting.
    pub(super) fn by_count(&self, slots: u32) -> Result<(), String> {
        for slot in 0..slots {
            let calls = self.0.get(&slot).map_or(&[][..], Vec::as_slice);
            let count = |fits: fn(&Ret) -> bool| {
                let heard = calls.iter().filter_map(|call| call.ret.as_ref());
                heard.filter(|ret| fits(ret)).count()
            };
            let asks = |op| calls.iter().any(|call| call.op == op);
            let accepted = count(|ret| *ret == Ret::Accepted);
            let wrong = count(|ret| matches!(ret, Ret::Wrong(_)));
            let used = count(|ret| *ret == Ret::AlreadyUsed);
            let exhausted = count(|ret| *ret == Ret::Exhausted);
            let lost = calls.len() - accepted - wrong - used - exhausted;
            let most = usize::from(MAX_ATTEMPTS);
            let is_closed = accepted + lost >= 1 || wrong + lost >= most;
            let is_one = used == 0 || exhausted == 0;
            // Of calls without an answer each may have counted, or not.
            let is_counted = match (asks(Op::Right), asks(Op::Wrong)) {
                (true, false) => accepted + lost >= 1 && wrong + exhausted == 0,
                _ if exhausted > 0 => accepted == 0 && wrong + lost >= most,
                _ => used == 0 || accepted + lost >= 1,
            };
            if !(accepted <= 1 && wrong <= most && is_closed && is_one && is_counted) {
                return Err(format!(
                    "code {slot}: {accepted} accepted, {wrong} wrong, {used} used, \
                     {exhausted} exhausted, {lost} without an answer"
                ));
            }
        }
        Ok(())
    }

    /// Judges by order.
    pub(super) fn by_order(&self) -> Result<(), String> {
        let has_none = |calls: &&Vec<Call<Op, Ret>>| !has_order(calls);
        match self.0.values().filter(has_none).count() {
            0 => Ok(()),
            some => Err(format!("{some} of {} codes have no order", self.0.len())),
        }
    }
}

/// Says whether the calls of one slot have an order.
///
/// A slot that answered "used" or "exhausted" answers so for ever: nobody issues a code in these
/// scenarios. Calls that began after such an answer are judged by that alone, the others by search.
fn has_order(calls: &[Call<Op, Ret>]) -> bool {
    let closes =
        |call: &&Call<Op, Ret>| matches!(call.ret, Some(Ret::AlreadyUsed | Ret::Exhausted));
    let Some(first) = calls.iter().filter(closes).min_by_key(|call| call.to) else {
        return search(calls.to_vec());
    };
    let (after, before): (Vec<_>, Vec<_>) =
        calls.iter().cloned().partition(|call| call.from > first.to);
    let stays = |call: &Call<Op, Ret>| call.ret.is_none() || call.ret == first.ret;
    after.iter().all(stays) && search(before)
}

/// A sound slot is closed long before there are more calls than the search can take.
fn search(calls: Vec<Call<Op, Ret>>) -> bool {
    calls.len() <= 128 && linearizable(Slot::issued(), &calls)
}

fn name(heard: Ret) -> String {
    match heard {
        Ret::Accepted => String::from("accepted"),
        Ret::AlreadyUsed => String::from("used"),
        Ret::Exhausted => String::from("exhausted"),
        Ret::Wrong(left) => left.to_string(),
        other => panic!("nobody asked for {other:?}"),
    }
}

fn of_name(name: &str) -> Option<Ret> {
    Some(match name {
        "accepted" => Ret::Accepted,
        "used" => Ret::AlreadyUsed,
        "exhausted" => Ret::Exhausted,
        left => Ret::Wrong(left.parse().ok()?),
    })
}

/// Returns the slot of a line that asks; `None` of an answer, and of a piece.
pub(super) fn slot_asked(line: &str) -> Option<u32> {
    match *line.split(' ').collect::<Vec<_>>() {
        ["?", _, slot, _] => slot.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &[&str]) -> (bool, bool) {
        let history = History::read(&lines.join("\n"));
        (history.by_count(1).is_ok(), history.by_order().is_ok())
    }

    #[test]
    fn a_history_in_order_passes_both() {
        let lines = ["? 1 0 R", "? 2 0 R", "! 2 accepted", "! 1 used"];
        assert_eq!(judge(&lines), (true, true));
        // Killed in the middle: it may have counted.
        let lines = ["? 1 0 R", "? 2 0 R", "! 2 used", "? 3 0 R", "! 3 used"];
        assert_eq!(judge(&lines), (true, true));
    }

    #[test]
    fn a_piece_of_a_line_is_a_call_not_made_or_an_answer_not_heard() {
        let whole = ["? 1 0 R", "? 2 0 W", "! 2 4", "! 1 accepted", "? 3 0 R"];
        let text = whole.join("\n");
        for piece in ["? 12 0 R", "! 3 used"] {
            for end in 0..piece.len() {
                let text = format!("{text}\n{}\n\n", &piece[..end]);
                let history = History::read(&text);
                assert_eq!(history.calls(), (3, 1), "{text}");
                assert!(history.by_order().is_ok(), "{text}");
                assert_eq!(text.lines().rev().find_map(slot_asked), Some(0));
            }
        }
        assert_eq!(slot_asked("? 12 34 R"), Some(34));
        assert_eq!(slot_asked("? 12 3"), None);
    }

    #[test]
    fn what_only_one_of_them_sees_is_seen() {
        let twice = ["? 1 0 R", "? 2 0 R", "! 2 accepted", "! 1 accepted"];
        assert_eq!(judge(&twice), (false, false));
        let wrong_after_accepted = [
            "? 1 0 R",
            "! 1 accepted",
            "? 2 0 W",
            "! 2 4",
            "? 3 0 R",
            "! 3 used",
        ];
        assert_eq!(judge(&wrong_after_accepted), (true, false));
        let read_before_it_was = ["? 1 0 R", "! 1 used", "? 2 0 R", "! 2 accepted"];
        assert_eq!(judge(&read_before_it_was), (true, false));
        let never_closed = ["? 1 0 W", "! 1 4"];
        assert_eq!(judge(&never_closed), (false, true));
        let forgets = [
            "? 1 0 R",
            "! 1 accepted",
            "? 2 0 R",
            "! 2 used",
            "? 3 0 R",
            "! 3 accepted",
        ];
        assert_eq!(judge(&forgets), (false, false));
    }
}
