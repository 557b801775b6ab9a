CREATE TABLE runs (
  n             INTEGER PRIMARY KEY,    -- by which the other tables mean it
  id            TEXT NOT NULL UNIQUE,   -- a UUID that begins with the time: its order is theirs
  state         TEXT NOT NULL,          -- running, done, interrupted
  process       TEXT NOT NULL,          -- who writes it, while it is running
  kind          TEXT NOT NULL,          -- run, limit
  name          TEXT NOT NULL,          -- the test's
  script        TEXT NOT NULL,          -- its file, as typed
  script_path   TEXT NOT NULL,          -- the same, absolute
  script_sha256 TEXT NOT NULL,
  git_commit    TEXT,                   -- of the script's folder
  git_branch    TEXT,
  started_at    TEXT NOT NULL,          -- RFC 3339, UTC
  seed          INTEGER NOT NULL,
  threads       INTEGER NOT NULL,
  tool_version  TEXT NOT NULL,
  verdict       TEXT,                   -- from here on null until it is done
  exit_code     INTEGER,
  duration_s    REAL,
  calls         INTEGER,                -- of phase load, as the following
  failed        INTEGER,
  p95_ms        REAL,
  plan          TEXT NOT NULL,          -- in words
  outline       TEXT NOT NULL,          -- JSON: scenarios and thresholds
  summary       BLOB                    -- zlib of the JSON summary
);
CREATE TABLE labels (
  run   INTEGER NOT NULL REFERENCES runs,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE scripts (
  sha256 TEXT PRIMARY KEY,
  text   TEXT NOT NULL                  -- without secrets
) WITHOUT ROWID;
CREATE TABLE series (
  run    INTEGER NOT NULL REFERENCES runs,
  n      INTEGER NOT NULL,
  metric TEXT NOT NULL,
  kind   TEXT NOT NULL,                 -- counter, gauge, rate, histogram
  unit   TEXT NOT NULL,                 -- 1, ms, bytes, percent
  tags   TEXT NOT NULL,                 -- JSON
  count  INTEGER,                       -- of the whole run; null until it is done: samples or sum
  hits   INTEGER,
  mean   REAL, min REAL, p50 REAL, p95 REAL, p99 REAL, max REAL,
  PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE TABLE timeline (
  run             INTEGER NOT NULL REFERENCES runs,
  second          INTEGER NOT NULL,     -- from 0
  vus             INTEGER NOT NULL,
  backlog         INTEGER NOT NULL,
  iterations      INTEGER NOT NULL,
  calls           INTEGER NOT NULL,
  failed          INTEGER NOT NULL,
  requests        INTEGER NOT NULL,
  bytes_sent      INTEGER NOT NULL,
  bytes_received  INTEGER NOT NULL,
  p50_ms          REAL, p95_ms REAL, p99_ms REAL,
  cpu_percent     REAL,                 -- of this process, as the following; 100 is a core
  memory_bytes    INTEGER,
  threads         INTEGER,
  open_fds        INTEGER,
  loop_lag_ms     REAL,
  lives           TEXT NOT NULL,        -- JSON: what became of each scenario's arrivals
  PRIMARY KEY (run, second)
) WITHOUT ROWID;
CREATE TABLE errors (
  run      INTEGER NOT NULL REFERENCES runs,
  category TEXT NOT NULL,
  scenario INTEGER NOT NULL,            -- its place in the outline; 65535 for none
  step     TEXT NOT NULL,
  status   INTEGER NOT NULL,            -- 0 where there was no answer
  folded   TEXT NOT NULL,               -- the message without numbers
  message  TEXT NOT NULL,
  count    INTEGER NOT NULL,
  first_s  REAL NOT NULL,
  last_s   REAL NOT NULL,
  exemplar TEXT,                        -- request and response of one of them
  PRIMARY KEY (run, category, scenario, step, status, folded)
) WITHOUT ROWID;
CREATE TABLE frames (                   -- the last seconds, which are in no block yet
  run    INTEGER NOT NULL REFERENCES runs,
  second INTEGER NOT NULL,
  data   BLOB NOT NULL
);
CREATE TABLE blocks (                   -- some seconds of a series
  run    INTEGER NOT NULL REFERENCES runs,
  series INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  data   BLOB NOT NULL
);
CREATE INDEX frames_of_run ON frames (run);
CREATE INDEX blocks_of_series ON blocks (run, series, first);
