//! What became of each scenario's arrivals in a second, as the `timeline` has it: a list of numbers
//! for each.

use crate::metrics::window::Lifecycle;

/// Those of a run, by second, in order.
pub type Lives = Vec<(u32, Vec<Lifecycle>)>;

/// What became of each scenario's arrivals, in the order of [`numbers`].
pub fn lives(all: &[Lifecycle]) -> String {
    let written = |life: &Lifecycle| numbers(&mut { *life }).map(|number| *number);
    let lives: Vec<[u64; FATES]> = all.iter().map(written).collect();
    serde_json::to_string(&lives).expect("numbers can be written")
}

/// And back; `None` if it is none.
pub fn read_lives(text: &str) -> Option<Vec<Lifecycle>> {
    let lives: Vec<[u64; FATES]> = serde_json::from_str(text).ok()?;
    Some(lives.into_iter().map(lifecycle).collect())
}

/// Numbers of a life.
const FATES: usize = 16;

/// The numbers of a life, in the order in which the store has them.
fn numbers(life: &mut Lifecycle) -> [&mut u64; FATES] {
    let dropped = &mut life.dropped;
    [
        &mut life.planned,
        &mut life.due,
        &mut life.started,
        &mut life.late,
        &mut life.prepared,
        &mut life.sent,
        &mut life.headers,
        &mut life.bodies,
        &mut life.completed,
        &mut life.failed,
        &mut life.interrupted,
        &mut dropped.users,
        &mut dropped.queue_full,
        &mut dropped.generator,
        &mut dropped.overrun,
        &mut dropped.end,
    ]
}

fn lifecycle(written: [u64; FATES]) -> Lifecycle {
    let mut life = Lifecycle::default();
    for (number, written) in numbers(&mut life).into_iter().zip(written) {
        *number = written;
    }
    life
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_read_as_they_were_written() {
        let written = std::array::from_fn(|place| place as u64 + 1);
        let life = lifecycle(written);
        assert_eq!(numbers(&mut { life }).map(|number| *number), written);
        assert_eq!((life.planned, life.failed, life.dropped.end), (1, 10, 16));
        assert_eq!(read_lives(&lives(&[life, life])), Some(vec![life, life]));
        assert_eq!(read_lives("[[1]]"), None);
    }
}
