//! Data pools: rows from files, read once per process and handed out to all users.
//!
//! A table keeps the file's bytes as they are and where each row begins; a row is taken apart only
//! when it is picked. Which row comes next is one atomic step, whatever the number of threads.

mod csv;
mod lease;
mod pick;

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHasher;

pub use self::csv::{CsvOptions, Field, FieldType, Header, Row};
pub use self::lease::{Lease, Leased, Leases, Stuck, Waiting};
pub use pick::{AtEnd, Next, Pick, Picker};

use self::csv::Table;
use self::lease::Register;
use self::pick::Cursor;
use crate::diagnostic::Diagnostic;
use crate::share::Share;

/// What a script asked for. Equal specs are the same pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolSpec {
    /// Where its rows come from.
    pub source: Source,
    /// Tells pools of the same file and options apart.
    pub name: Option<String>,
    /// Which row comes next.
    pub pick: Pick,
    /// What happens when there is none; `None`: what suits `pick`.
    pub at_end: Option<AtEnd>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A CSV file; the path is absolute or relative to the working directory.
    Csv {
        /// As it shall be named in messages.
        file: PathBuf,
        /// How to read it.
        options: CsvOptions,
    },
}

/// All pools of a process.
#[derive(Debug)]
pub struct Pools {
    seed: u64,
    share: Share,
    leased: Arc<Register>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    pools: HashMap<PoolSpec, Arc<Pool>>,
    tables: HashMap<Source, Arc<Table>>,
}

/// Rows, and which comes next.
#[derive(Debug)]
pub struct Pool {
    spec: PoolSpec,
    table: Arc<Table>,
    order: Order,
}

/// How its rows are handed out.
#[derive(Debug)]
enum Order {
    /// For good.
    Cursor(Cursor),
    /// For a while.
    Leases(Leases),
}

impl Default for Pools {
    fn default() -> Self {
        Pools::new(0, Share::WHOLE)
    }
}

impl Pools {
    /// No pools yet. `seed` decides random orders; of each list, `share` is handed out here.
    pub fn new(seed: u64, share: Share) -> Self {
        Pools { seed, share, leased: Arc::default(), open: Mutex::default() }
    }

    /// The pool of that spec, reading its file if no pool has done so. Not for the hot path.
    pub fn open(&self, spec: PoolSpec) -> Result<Arc<Pool>, Diagnostic> {
        let mut open = self.lock();
        if let Some(pool) = open.pools.get(&spec) {
            return Ok(pool.clone());
        }
        let at_end = spec.pick.at_end(spec.at_end)?;
        let real = PoolSpec { source: spec.source.real(), ..spec.clone() };
        let pool = match open.pools.get(&real) {
            Some(pool) => pool.clone(),
            None => {
                let table = open.table(&spec.source, &real.source)?;
                let order = self.order(&real, at_end, table.len());
                Arc::new(Pool { spec: spec.clone(), table, order })
            }
        };
        open.pools.insert(real, pool.clone());
        open.pools.insert(spec, pool.clone());
        Ok(pool)
    }

    /// The pool of that spec if it was opened before.
    pub fn get(&self, spec: &PoolSpec) -> Option<Arc<Pool>> {
        self.lock().pools.get(spec).cloned()
    }

    /// All pools, by file and name.
    pub fn list(&self) -> Vec<Arc<Pool>> {
        let mut pools: Vec<Arc<Pool>> = Vec::new();
        for pool in self.lock().pools.values() {
            if !pools.iter().any(|known| Arc::ptr_eq(known, pool)) {
                pools.push(pool.clone());
            }
        }
        pools.sort_by(|a, b| (a.file(), &a.spec.name).cmp(&(b.file(), &b.spec.name)));
        pools
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, spec: &PoolSpec, at_end: AtEnd, rows: usize) -> Order {
        match spec.pick {
            Pick::Lease => Order::Leases(self.leased.add(rows, self.share)),
            pick => Order::Cursor(Cursor::new(pick, at_end, rows, self.share, self.seed_of(spec))),
        }
    }

    /// What decides a pool's random order: the same in each run of the same seed.
    fn seed_of(&self, spec: &PoolSpec) -> u64 {
        let mut hasher = FxHasher::default();
        let Source::Csv { file, .. } = &spec.source;
        (self.seed, file.file_name(), &spec.name).hash(&mut hasher);
        hasher.finish()
    }
}

impl Open {
    fn table(&mut self, named: &Source, real: &Source) -> Result<Arc<Table>, Diagnostic> {
        if let Some(table) = self.tables.get(real) {
            return Ok(table.clone());
        }
        let Source::Csv { file, options } = named;
        let table = Arc::new(Table::read(file, options)?);
        self.tables.insert(real.clone(), table.clone());
        Ok(table)
    }
}

impl Source {
    /// The same with its file's one true path, if it has one.
    fn real(&self) -> Source {
        let Source::Csv { file, options } = self;
        let file = file.canonicalize().unwrap_or_else(|_| file.clone());
        Source::Csv { file, options: options.clone() }
    }
}

impl Pool {
    /// How many rows there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "an empty pool cannot be opened")]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The columns' names, in the file's order.
    pub fn columns(&self) -> &[String] {
        self.table.columns()
    }

    /// Row `index` (from 0), taken apart; `None` beyond the last.
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        self.table.row(index)
    }

    /// The number of the row that this user gets next; of a pool that leases its rows, none.
    pub fn next(&self, picker: &mut Picker) -> Next {
        match &self.order {
            Order::Cursor(cursor) => cursor.next(picker),
            Order::Leases(_) => Next::End(AtEnd::Error),
        }
    }

    /// Where its rows are to be had, if they are leased.
    pub fn leases(&self) -> Option<&Leases> {
        match &self.order {
            Order::Cursor(_) => None,
            Order::Leases(leases) => Some(leases),
        }
    }

    /// What it was opened as.
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// The file that its rows are in, as it was named.
    pub fn file(&self) -> &Path {
        let Source::Csv { file, .. } = &self.spec.source;
        file
    }
}

/// `data/users.csv: 20 rows (email, password), unique`.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.len(), self.columns().join(", "));
        let plural = if rows == 1 { "" } else { "s" };
        let pick = self.spec.pick.name();
        write!(f, "{}: {rows} row{plural} ({columns}), {pick}", self.file().display())?;
        match &self.spec.name {
            Some(name) => write!(f, ", named {name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn spec(file: &Path, pick: Pick) -> PoolSpec {
        let source = Source::Csv { file: file.into(), options: CsvOptions::default() };
        PoolSpec { source, name: None, pick, at_end: None }
    }

    fn rows(count: usize) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rows.csv");
        let text: String = (0..count).map(|row| format!("{row}\n")).collect();
        std::fs::write(&file, format!("n\n{text}")).unwrap();
        (dir, file)
    }

    #[test]
    fn opening_the_same_twice_is_the_same_pool_with_the_same_cursor() {
        let (dir, file) = rows(3);
        let pools = Pools::default();
        let one = pools.open(spec(&file, Pick::Sequential)).unwrap();
        let detour = dir.path().join(".").join("rows.csv");
        let same = pools.open(spec(&detour, Pick::Sequential)).unwrap();
        assert!(Arc::ptr_eq(&one, &same));
        let named = PoolSpec { name: Some("mine".into()), ..spec(&file, Pick::Sequential) };
        let other = pools.open(named.clone()).unwrap();
        assert!(!Arc::ptr_eq(&one, &other) && Arc::ptr_eq(&one.table, &other.table));
        let mut picker = Picker::new(1, 0);
        assert_eq!(one.next(&mut picker), Next::Row(0));
        assert_eq!(same.next(&mut picker), Next::Row(1));
        assert_eq!(other.next(&mut picker), Next::Row(0));
        assert!(pools.get(&named).is_some() && pools.get(&spec(&file, Pick::Random)).is_none());
        let listed: Vec<String> = pools.list().iter().map(|pool| pool.to_string()).collect();
        let told = format!("{}: 3 rows (n), sequential", file.display());
        assert_eq!(listed, [told.clone(), format!("{told}, named mine")]);
    }

    #[test]
    fn threads_get_each_unique_row_exactly_once() {
        let (_dir, file) = rows(10_000);
        let pool = Pools::default().open(spec(&file, Pick::Unique)).unwrap();
        let take = |user| {
            let mut picker = Picker::new(1, user);
            let mut mine = Vec::new();
            while let Next::Row(row) = pool.next(&mut picker) {
                mine.push(row);
            }
            mine
        };
        let all: Vec<usize> = std::thread::scope(|scope| {
            let take = &take;
            let threads: Vec<_> = (0..8).map(|user| scope.spawn(move || take(user))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.len(), 10_000);
        assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 10_000);
    }

    #[test]
    fn shares_hand_out_the_whole_and_nothing_twice() {
        let (_dir, file) = rows(11);
        for pick in [Pick::Sequential, Pick::Shuffle, Pick::Unique] {
            let mut seen = HashSet::new();
            for index in 0..3 {
                let share = Share::new(index, 3).unwrap();
                let spec = PoolSpec { at_end: Some(AtEnd::Error), ..spec(&file, pick) };
                let pool = Pools::new(7, share).open(spec).unwrap();
                let mut picker = Picker::new(7, index);
                while let Next::Row(row) = pool.next(&mut picker) {
                    assert!(seen.insert(row), "{pick:?}");
                }
            }
            assert_eq!(seen.len(), 11, "{pick:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (_dir, file) = rows(1);
        let pools = Pools::default();
        let lease = PoolSpec { at_end: Some(AtEnd::StopVu), ..spec(&file, Pick::Lease) };
        assert!(pools.open(lease).unwrap_err().message.contains("never comes to an end"));
        let unique = PoolSpec { at_end: Some(AtEnd::Recycle), ..spec(&file, Pick::Unique) };
        assert!(pools.open(unique).unwrap_err().message.contains("never gives a row twice"));
    }
}
