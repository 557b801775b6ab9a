//! Data pools: rows from files, read once per process and handed out to all users.
//!
//! A table keeps the file's bytes as they are, and where some of its rows begin; a row is taken
//! apart only when it is picked. Which row comes next is one atomic step, or one short lock where
//! rows are leased, whatever the number of threads.

mod blocks;
mod csv;
mod documents;
mod lease;
mod pick;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHasher;

pub use self::csv::{CsvOptions, Field, FieldType, Header, Record};
pub use self::lease::{Lease, Leased, Leases, Stuck, Waiting};
pub use pick::{AtEnd, Next, Once, Pick, Picker, RowHold};

use self::documents::Documents;
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

/// Where rows come from. A file's path is absolute or relative to the working directory, and is
/// named so in messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A CSV file.
    Csv {
        /// Its path.
        file: PathBuf,
        /// How to read it.
        options: CsvOptions,
    },
    /// A JSON file with an array of objects in it.
    Json {
        /// Its path.
        file: PathBuf,
        /// JSONPath of the array; `None`: it is the whole document.
        path: Option<String>,
    },
    /// A file with a JSON object on each line.
    Ndjson {
        /// Its path.
        file: PathBuf,
    },
    /// A list that the script itself wrote down.
    List {
        /// As a JSON array of objects.
        text: Arc<String>,
    },
}

/// A row, as it stands in its table.
#[derive(Debug, Clone)]
pub enum Row<'t> {
    /// Of a CSV file.
    Record(Record<'t>),
    /// The text of a JSON object.
    Document(&'t str),
}

/// Rows that were read.
#[derive(Debug)]
enum Table {
    Csv(csv::Table),
    Json(Documents),
}

/// All pools of a process.
#[derive(Debug)]
pub struct Pools {
    seed: u64,
    share: Share,
    leased: Arc<Register>,
    open: Mutex<Open>,
}

#[derive(Debug, Default, Clone)]
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
    used: AtomicBool,
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

    /// The same ones: what is opened there is opened there only.
    pub fn again(&self) -> Pools {
        let open = Mutex::new(self.lock().clone());
        Pools { seed: self.seed, share: self.share, leased: self.leased.clone(), open }
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
                let used = AtomicBool::new(false);
                Arc::new(Pool { spec: spec.clone(), table, order, used })
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

    /// All pools, by title and name.
    pub fn list(&self) -> Vec<Arc<Pool>> {
        let mut pools: Vec<Arc<Pool>> = Vec::new();
        for pool in self.lock().pools.values() {
            if !pools.iter().any(|known| Arc::ptr_eq(known, pool)) {
                pools.push(pool.clone());
            }
        }
        pools.sort_by_key(|pool| (pool.title(), pool.spec.name.clone()));
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
        let file = spec.source.file().and_then(Path::file_name);
        (self.seed, file, &spec.name).hash(&mut hasher);
        hasher.finish()
    }
}

impl Open {
    fn table(&mut self, named: &Source, real: &Source) -> Result<Arc<Table>, Diagnostic> {
        if let Some(table) = self.tables.get(real) {
            return Ok(table.clone());
        }
        let table = Arc::new(Table::read(named)?);
        self.tables.insert(real.clone(), table.clone());
        Ok(table)
    }
}

impl Source {
    /// The same with its file's one true path, if it has one.
    fn real(&self) -> Source {
        let mut real = self.clone();
        if let Source::Csv { file, .. } | Source::Json { file, .. } | Source::Ndjson { file } =
            &mut real
            && let Ok(path) = file.canonicalize()
        {
            *file = path;
        }
        real
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Source::Csv { file, .. } | Source::Json { file, .. } | Source::Ndjson { file } => {
                Some(file)
            }
            Source::List { .. } => None,
        }
    }
}

impl Table {
    /// Reads a source whole and checks every row of it.
    fn read(source: &Source) -> Result<Table, Diagnostic> {
        Ok(match source {
            Source::Csv { file, options } => Table::Csv(csv::Table::read(file, options)?),
            Source::Json { file, path } => {
                let text = Arc::new(text::read(file)?);
                Table::Json(Documents::of_array(&text, Some(file), path.as_deref())?)
            }
            Source::Ndjson { file } => {
                Table::Json(Documents::of_lines(&Arc::new(text::read(file)?), file)?)
            }
            Source::List { text } => Table::Json(Documents::of_array(text, None, None)?),
        })
    }

    fn len(&self) -> usize {
        match self {
            Table::Csv(table) => table.len(),
            Table::Json(documents) => documents.len(),
        }
    }

    fn columns(&self) -> &[String] {
        match self {
            Table::Csv(table) => table.columns(),
            Table::Json(documents) => documents.columns(),
        }
    }
}

impl Pool {
    /// How many rows there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "an empty pool cannot be opened")]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The columns' names, in the file's order; of JSON, the names that any row has.
    pub fn columns(&self) -> &[String] {
        self.table.columns()
    }

    /// Whether a row may lack `column`, or have it without its being among the columns.
    pub fn may_lack(&self, column: &str) -> bool {
        match &*self.table {
            Table::Csv(_) => false,
            Table::Json(documents) => documents.may_have(column),
        }
    }

    /// Row `index` (from 0); `None` beyond the last.
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        match &*self.table {
            Table::Csv(table) => table.row(index).map(Row::Record),
            Table::Json(documents) => documents.row(index).map(Row::Document),
        }
    }

    /// The number of the row that this user gets next; of a pool that leases its rows, none.
    pub fn next(&self, picker: &mut Picker) -> Next {
        self.note_use();
        match &self.order {
            Order::Cursor(cursor) => cursor.next(picker),
            Order::Leases(_) => Next::End(AtEnd::Error),
        }
    }

    /// How many rows are left, if each is given once and then there are no more.
    pub fn once(&self) -> Option<Once> {
        match &self.order {
            Order::Cursor(cursor) => cursor.once(),
            Order::Leases(_) => None,
        }
    }

    /// Where its rows are to be had, if they are leased.
    pub fn leases(&self) -> Option<&Leases> {
        match &self.order {
            Order::Cursor(_) => None,
            Order::Leases(leases) => {
                self.note_use();
                Some(leases)
            }
        }
    }

    /// Whether users must have rows of their own, and for how long.
    pub fn hold(&self) -> Option<RowHold> {
        match &self.order {
            Order::Cursor(cursor) => cursor.keeps().then_some(RowHold::Always),
            Order::Leases(_) => Some(RowHold::Iteration),
        }
    }

    /// Whether anybody has asked it for a row since this was last asked.
    pub fn was_used(&self) -> bool {
        self.used.swap(false, Relaxed)
    }

    /// Reads before it writes, so that workers do not take the flag from each other.
    fn note_use(&self) {
        if !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
    }

    /// What it was opened as.
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// What messages call it: the file that its rows are in, as it was named.
    pub fn title(&self) -> String {
        match self.spec.source.file() {
            Some(file) => file.display().to_string(),
            None => "the list of lt.data.rows".to_owned(),
        }
    }
}

/// `data/users.csv: 20 rows (email, password), unique`.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.len(), self.columns().join(", "));
        let plural = if rows == 1 { "" } else { "s" };
        let pick = self.spec.pick.name();
        write!(f, "{}: {rows} row{plural} ({columns}), {pick}", self.title())?;
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
