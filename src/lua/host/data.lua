-- Pools: an object over each pool's number, made once per worker.
local lt, h, k = ...
local value, raise, await = k.value, k.raise, k.await
local pick, get, length, unknown = h.data_next, h.data_get, h.data_length, h.data_unknown

local pools = {}

local function object(id)
  -- Rows are the author's to change; a column that does not exist raises. One that only other
  -- rows have is nil.
  local row = { __metatable = false }
  function row.__index(_, column) return value(unknown(id, tostring(column))) end

  local pool, methods = {}, {}
  local function check(self, name)
    if self ~= pool then return raise("call pool:" .. name .. "(…) with a colon") end
  end
  function methods.next(self)
    check(self, "next")
    local message, picked = pick(id, row)
    if message then return raise(message) end
    if picked then return picked end
    -- Either the data is at its end, which stops this user, and the wait never returns; or it is
    -- for a leased row, and returns its number.
    return value(get(id, await(), row))
  end
  function methods.get(self, index)
    check(self, "get")
    return value(get(id, index, row))
  end
  k.frozen[pool] = true
  return setmetatable(pool, {
    __index = function(_, name)
      return methods[name] or raise("a pool has next and get, not `" .. tostring(name) .. "`")
    end,
    __newindex = function() return raise "a pool is read-only" end,
    __len = function() return length(id) end,
    __metatable = false,
    __name = "pool",
  })
end

-- One of the functions that open pools: the same pool is the same object.
local function opener(open)
  return function(source, options)
    local id = value(open(source, options))
    local pool = pools[id]
    if not pool then
      pool = object(id)
      pools[id] = pool
    end
    return pool
  end
end

lt.data = {
  csv = opener(h.data_csv),
  json = opener(h.data_json),
  ndjson = opener(h.data_ndjson),
  rows = opener(h.data_rows),
}
