local lt, h, k = ...
local value = k.value

lt.time = {
  now = h.time_now,
  unix_ms = h.time_unix_ms,
  elapsed = h.time_elapsed,
  iso8601 = function(t) return value(h.time_iso8601(t)) end,
}
