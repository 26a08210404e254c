//! Long lines in pieces, so that of a picture of live data only the pieces with new points are made, handed to the page
//! and read there.

use crate::scene::{Node, Value};
use crate::shape::{Path, UNITS};
use std::sync::Arc;

/// A piece of line without a gap: its points, in units of a path.
pub(super) type Trace = Vec<(i32, i32)>;

/// How long a piece is: so many columns of pixels, in units of a path.
const LENGTH: i32 = 64 * UNITS;

/// A step of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It begins here.
    Begin((i32, i32)),
    /// It goes on to here.
    To((i32, i32)),
}

/// What a line draws from the points of one block of columns on.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    block: i32,
    steps: Vec<Step>,
    text: Arc<str>,
}

/// The pieces of a line. Those that another picture has already are taken from there.
///
/// A piece goes on for two points into the next one, so that where they meet the line has a corner like any other.
pub(super) fn pieces(traces: &[&Trace], before: &[Piece]) -> Vec<Piece> {
    let mut found: Vec<(i32, Vec<Step>)> = Vec::new();
    for trace in traces {
        let mut from = 0;
        while from < trace.len() {
            let block = trace[from].0.div_euclid(LENGTH);
            let until = from + trace[from..].partition_point(|point| point.0.div_euclid(LENGTH) <= block);
            let until = until.max(from + 1);
            let mut points = trace[from..(until + 2).min(trace.len())].iter();
            from = until;
            if points.len() < 2 {
                continue;
            }
            if found.last().is_none_or(|(last, _)| *last != block) {
                found.push((block, Vec::with_capacity(points.len())));
            }
            if let Some((_, steps)) = found.last_mut() {
                steps.extend(points.next().map(|point| Step::Begin(*point)));
                steps.extend(points.map(|point| Step::To(*point)));
            }
        }
    }
    let piece = |(block, steps): (i32, Vec<Step>)| {
        let old = before.iter().find(|old| old.block == block && old.steps == steps);
        let text = old.map_or_else(|| write(&steps), |old| Arc::clone(&old.text));
        Piece { block, steps, text }
    };
    found.into_iter().map(piece).collect()
}

fn write(steps: &[Step]) -> Arc<str> {
    let mut path = Path::new();
    for step in steps {
        match *step {
            Step::Begin(at) => path.begin(at),
            Step::To(at) => path.go(at),
        }
    }
    path.into_text().into()
}

/// The elements of the pieces, which have nothing but their text.
pub(super) fn nodes(pieces: &[Piece]) -> Vec<Node> {
    let node = |piece: &Piece| {
        Node::new("path", piece.block.to_string()).with("d", Value::Shared(Arc::clone(&piece.text)))
    };
    pieces.iter().map(node).collect()
}
