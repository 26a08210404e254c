//! What passes, what is held and what is dropped: the proxy's understanding of the protocol, without sockets.

use super::frame::{Message, Scanner, text};
use super::state::{Batch, State};
use super::trap::{Moment, TrapId};
use std::collections::HashMap;
use std::sync::Arc;

/// The most of a statement's text that is kept. Matchers see no more.
const TEXT_MOST: usize = 64 * 1024;
/// The most of a message that begins with names which is kept.
const NAMES_MOST: usize = 2 * 1024;
/// The most that is held back until a batch has been judged. What is longer is forwarded before its end has come.
const HELD_MOST: usize = 32 * 1024 * 1024;

const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
const MAJOR_VERSION: i32 = 3;

/// What comes after a stretch of a client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next stretch.
    More,
    /// Nothing of this client is forwarded any more; it is about to be cut.
    Nothing,
}

/// What to do with the bytes that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Keep them while anything in their batch may run into a trap.
    Hold,
    Release,
    /// Forward them, and nothing after.
    Last,
    /// Forward nothing of them, and nothing after.
    Drop,
}

/// The direction from a client to the server.
#[derive(Debug)]
pub(super) struct Up {
    scanner: Scanner,
    /// The texts of prepared statements by their names, and of portals by theirs.
    statements: HashMap<String, Arc<str>>,
    portals: HashMap<String, Arc<str>>,
    /// Bytes of a batch that has not been judged.
    held: Vec<u8>,
    /// Bytes to be forwarded.
    pub(super) out: Vec<u8>,
}

impl Up {
    pub(super) fn new() -> Self {
        let keep = |tag| match tag {
            Some(b'Q' | b'P') => TEXT_MOST,
            None | Some(b'B' | b'E' | b'C') => NAMES_MOST,
            Some(_) => 0,
        };
        let (statements, portals) = (HashMap::new(), HashMap::new());
        Self { scanner: Scanner::client(keep), statements, portals, held: Vec::new(), out: Vec::new() }
    }

    /// Takes what the client has sent. What may pass is in `out` after that.
    pub(super) fn take(&mut self, mut input: &[u8], state: &mut State, id: u64) -> Next {
        if state.links.get(&id).is_some_and(|l| l.encrypted) {
            self.scanner.give_up();
        }
        while !input.is_empty() {
            let (taken, message) = self.scanner.step(input);
            self.held.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            match message.map_or(Verdict::Hold, |m| self.judge(&m, state, id)) {
                Verdict::Hold if self.must_hold(state, id) => {}
                Verdict::Hold | Verdict::Release => self.release(),
                Verdict::Last => {
                    self.release();
                    return Next::Nothing;
                }
                Verdict::Drop => {
                    self.held.clear();
                    return Next::Nothing;
                }
            }
        }
        Next::More
    }

    /// Lets go of all that is held.
    pub(super) fn release(&mut self) {
        if self.out.is_empty() {
            std::mem::swap(&mut self.out, &mut self.held);
        } else {
            self.out.append(&mut self.held);
        }
    }

    fn must_hold(&self, state: &State, id: u64) -> bool {
        let caught = state.links.get(&id).is_some_and(|l| l.current.withheld.is_some());
        state.traps.any() && !caught && !self.scanner.is_opaque() && self.held.len() <= HELD_MOST
    }

    fn judge(&mut self, message: &Message, state: &mut State, id: u64) -> Verdict {
        let body = &message.body[..];
        match message.tag {
            None => self.untagged(body, state, id),
            Some(b'P') => {
                let (name, rest) = text(body);
                self.statements.insert(name, text(rest).0.into());
                Verdict::Hold
            }
            Some(b'B') => {
                let (portal, rest) = text(body);
                let statement = self.statements.get(&text(rest).0).cloned().unwrap_or_default();
                self.portals.insert(portal, statement);
                Verdict::Hold
            }
            Some(b'C') => {
                let (what, name) = body.split_first().unwrap_or((&0, &[]));
                if *what == b'S' { &mut self.statements } else { &mut self.portals }.remove(&text(name).0);
                Verdict::Hold
            }
            Some(b'D') => Verdict::Hold,
            Some(b'E') => {
                let statement = self.portals.get(&text(body).0).cloned().unwrap_or_default();
                execute(&statement, state, id).unwrap_or(Verdict::Hold)
            }
            Some(b'Q') => {
                let caught = execute(&text(body).0, state, id);
                caught.unwrap_or_else(|| end_batch(state, id, true))
            }
            Some(b'F') => end_batch(state, id, true),
            Some(b'S') => end_batch(state, id, false),
            Some(b'c' | b'f') => {
                // A server that waits for data ignores a Sync, so nothing will answer the one that was sent before.
                if let Some(link) = state.links.get_mut(&id)
                    && std::mem::take(&mut link.copying)
                    && link.pending.back().is_some_and(|b| !b.simple)
                {
                    link.pending.pop_back();
                }
                Verdict::Release
            }
            // A Flush asks for an answer now; of the rest nothing can run into a trap.
            Some(_) => Verdict::Release,
        }
    }

    /// A message from before the protocol proper.
    fn untagged(&mut self, body: &[u8], state: &mut State, id: u64) -> Verdict {
        let (code, rest) = body.split_first_chunk().map_or((0, body), |(c, r)| (i32::from_be_bytes(*c), r));
        let Some(link) = state.links.get_mut(&id) else { return Verdict::Release };
        match code {
            SSL_REQUEST | GSS_REQUEST => link.negotiating += 1,
            code if code >> 16 == MAJOR_VERSION => {
                self.scanner.started();
                link.application_name = parameter(rest, "application_name");
                // The end of the startup is answered like that of a batch.
                link.pending.push_back(Batch::default());
            }
            // A request to cancel a statement is all that its connection is for. Anything else is no Postgres.
            _ => self.scanner.give_up(),
        }
        Verdict::Release
    }
}

/// A statement is executed. `Some` when nothing of it may be forwarded.
fn execute(statement: &str, state: &mut State, id: u64) -> Option<Verdict> {
    state.count(statement);
    let link = state.links.get_mut(&id)?;
    link.current.listens |= listens(statement);
    if link.current.withheld.is_some() {
        return None;
    }
    let (trap, moment) = state.traps.catch(statement)?;
    match moment {
        Moment::BeforeReply => {
            link.current.withheld = Some(trap);
            None
        }
        Moment::BeforeRequest => {
            end_link(state, id, trap);
            Some(Verdict::Drop)
        }
    }
}

/// Cuts the connection as soon as what was sent before has been answered.
fn end_link(state: &mut State, id: u64, trap: TrapId) {
    match state.links.get_mut(&id) {
        Some(link) if !link.pending.is_empty() => link.ending = Some(trap),
        _ => state.spring(id, trap),
    }
}

/// The server will say that it is ready after this.
fn end_batch(state: &mut State, id: u64, simple: bool) -> Verdict {
    let Some(link) = state.links.get_mut(&id) else { return Verdict::Release };
    let mut batch = std::mem::take(&mut link.current);
    batch.simple = simple;
    link.pending.push_back(batch);
    if batch.withheld.is_some() { Verdict::Last } else { Verdict::Release }
}

/// Whether LISTEN stands in a statement, and not only within a longer word such as UNLISTEN.
fn listens(statement: &str) -> bool {
    let mut words = statement.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word.eq_ignore_ascii_case("listen"))
}

/// A parameter of a startup message; empty when it is not there.
fn parameter(mut body: &[u8], name: &str) -> String {
    while !body.is_empty() {
        let (key, rest) = text(body);
        let (value, rest) = text(rest);
        if key == name {
            return value;
        }
        body = rest;
    }
    String::new()
}

/// The direction from the server to a client.
#[derive(Debug)]
pub(super) struct Down {
    scanner: Scanner,
    /// Whether the current message is forwarded.
    shown: bool,
    /// Bytes to be forwarded.
    pub(super) out: Vec<u8>,
}

impl Down {
    pub(super) const fn new() -> Self {
        Self { scanner: Scanner::server(), shown: true, out: Vec::new() }
    }

    /// Takes what the server has sent, up to the end of an answer. Says how much, and whether an answer ends there.
    pub(super) fn take(&mut self, input: &[u8], state: &mut State, id: u64) -> (usize, bool) {
        let Some(link) = state.links.get_mut(&id) else { return (input.len(), false) };
        let mut at = 0;
        while let Some(byte) = input.get(at) {
            if self.scanner.at_start() {
                if link.negotiating > 0 && matches!(byte, b'S' | b'N' | b'G') {
                    link.negotiating -= 1;
                    link.encrypted |= *byte != b'N';
                    self.out.push(*byte);
                    at += 1;
                    continue;
                }
                if link.encrypted {
                    self.scanner.give_up();
                }
                self.shown = link.answered_now().withheld.is_none();
            }
            let (taken, message) = self.scanner.step(&input[at..]);
            if self.shown {
                self.out.extend_from_slice(&input[at..at + taken]);
            }
            at += taken;
            match message.and_then(|m| m.tag) {
                Some(b'Z') => return (at, true),
                Some(b'G') => link.copying = true,
                _ => {}
            }
        }
        (at, false)
    }
}
