-- What is not logged is not made into text.
local lt, h = ...
lt.log = {}

for _, level in ipairs { "debug", "info", "warn", "error" } do
  local write, enabled = h["log_" .. level], h["log_" .. level .. "_enabled"]
  lt.log[level] = function(...)
    if not enabled() then return end
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    write(table.concat(parts, " "))
  end
end
