-- The global functions of scripts.
local k = ...
local raw, h, base, frozen = k.raw, k.h, k.base, k.frozen
local raise, place, value, survive = k.raise, k.place, k.value, k.survive
local type, error, select, tostring, rawxpcall = raw.type, raw.error, raw.select, raw.tostring, raw.xpcall
local rawget, rawset, rawequal = raw.rawget, raw.rawset, raw.rawequal
local getmetatable, setmetatable = raw.getmetatable, raw.setmetatable
local tonumber, load = raw.tonumber, raw.load
local concat, tick, dying, cell, protect = raw.table.concat, h.tick, h.dying, h.cell, h.protect
k.cell = cell

for _, name in raw.ipairs {
  "assert", "error", "ipairs", "next", "pairs", "rawequal", "rawget", "rawlen", "select", "tostring",
  "type", "_VERSION",
} do
  base[name] = raw[name]
end

local function caught(ok, ...)
  if not ok then survive() end
  return ok, ...
end

function base.pcall(f, ...)
  return caught(rawxpcall(f, place, ...))
end

function base.xpcall(f, handler, ...)
  return caught(rawxpcall(f, function(e)
    e = place(e)
    -- An error that the hook raised calls this with hooks off: the author's handler could run
    -- for ever.
    if type(e) == "userdata" and dying() then return e end
    return handler(e)
  end, ...))
end

-- Metatables -----------------------------------------------------------------------------------

-- The author's metatable of the globals goes behind one of ours, which serves the libraries; its
-- methods are looked up when they are needed, for authors change them afterwards.
local function govern(mine, author)
  mine.globals = author
  if author == nil then return protect(mine.env, k.environment) end
  return protect(mine.env, {
    __metatable = false,
    __index = function(env, key)
      local known = base[key]
      if known ~= nil then return known end
      local index = rawget(author, "__index")
      if type(index) == "function" then return index(env, key) end
      if index ~= nil then return index[key] end
    end,
    __newindex = function(env, key, v)
      local newindex = rawget(author, "__newindex")
      if newindex == nil or base[key] ~= nil then return rawset(env, key, v) end
      if type(newindex) == "function" then return newindex(env, key, v) end
      newindex[key] = v
    end,
  })
end

-- The cell of the user whose globals `t` is.
local function governed(t)
  local mine = type(t) == "table" and cell()
  return mine and rawequal(t, mine.env) and mine or nil
end

function base.getmetatable(v)
  local metatable = getmetatable(v)
  if metatable ~= false then return metatable end
  local mine = governed(v)
  if not mine then return false end
  local author = mine.globals
  local shown = author and rawget(author, "__metatable")
  if shown ~= nil then return shown end
  return author
end

function base.setmetatable(t, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    return raise "__gc is not available: finalizers cannot be bounded"
  end
  if getmetatable(t) == false and (metatable == nil or type(metatable) == "table") then
    local mine = governed(t)
    if mine and (mine.globals == nil or rawget(mine.globals, "__metatable") == nil) then return govern(mine, metatable) end
  end
  return setmetatable(t, metatable)
end

function base.rawset(t, key, v)
  if frozen[t] then return raise "this table is read-only" end
  return rawset(t, key, v)
end

function base.tonumber(v, ...)
  if type(v) == "string" and #v > 65536 then tick() end
  return tonumber(v, ...)
end

function base.print(...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  h.print(concat(parts, "\t"))
end

-- Warnings are always on, as if `lua -W` were said; control messages ("@off") are not heeded.
function base.warn(...)
  local parts = { ... }
  for i = 1, select("#", ...) do
    local kind = type(parts[i])
    if kind ~= "string" and kind ~= "number" then
      return raise("bad argument #" .. i .. " to 'warn' (string expected, got " .. kind .. ")")
    end
  end
  local message = concat(parts)
  if raw.string.byte(message) ~= 64 then h.print("Lua warning: " .. message) end
end

-- load: text only, at most 1 MiB, into the user's own environment.
local LOAD_LIMIT = 1 << 20

local function gather(chunk)
  if type(chunk) == "string" then return chunk end
  local parts, n, size = {}, 0, 0
  while true do
    local part = chunk()
    if part == nil or part == "" then return concat(parts, "", 1, n) end
    if type(part) ~= "string" then return raise "load: the reader function must return strings" end
    n, size = n + 1, size + #part
    if size > LOAD_LIMIT then return part end
    parts[n] = part
  end
end

function base.load(chunk, name, mode, ...)
  tick()
  if type(chunk) ~= "string" and type(chunk) ~= "function" then
    return raise("bad argument #1 to 'load' (string or function expected, got " .. type(chunk) .. ")")
  end
  if mode ~= nil and mode ~= "t" and mode ~= "bt" then
    return nil, "load: bytecode is not available, only text"
  end
  local text = gather(chunk)
  if #text > LOAD_LIMIT then return nil, "load: the chunk is longer than 1 MiB" end
  name = type(name) == "string" and (raw.string.gsub(name, "[\1-\31]", "?")) or "=(load)"
  local env
  if select("#", ...) > 0 then env = (...) else env = cell().env end
  local f, message = load(text, name, "t", env)
  if not f and raw.string.find(message, "attempt to load a binary chunk", 1, true) then
    message = "load: bytecode is not available, only text"
  end
  return f, message
end

-- What is not there says so by name.
function k.missing(name, why)
  return function() return raise(name .. " is not available: " .. why) end
end
base.dofile = k.missing("dofile", "use require")
base.loadfile = k.missing("loadfile", "use require")
base.collectgarbage = k.missing("collectgarbage", "the collector is the tool's")
