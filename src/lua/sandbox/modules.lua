-- require, and the tables `package` and `debug`.
local k = ...
local raw, h, base = k.raw, k.h, k.base
local raise, cell, error, type, rawxpcall = k.raise, h.cell, raw.error, raw.type, raw.xpcall
local find, begin, finish, where = h.find_module, h.begin_module, h.end_module, h.where
local sub, plain = raw.string.sub, raw.string.find

local LOADING = {}

local function done(own, name, path, waited, ok, result)
  finish(waited)
  if not ok then
    own[name] = nil
    return error(result, 0)
  end
  if result ~= nil then own[name] = result
  elseif own[name] == LOADING then own[name] = true end
  return own[name], path
end

-- `message` and the place of a `require` on the way to it, before the hint if there is one.
local function required(message, place)
  if place == "" then return message end
  local at = plain(message, "; hint: ", 1, true) or #message + 1
  return sub(message, 1, at - 1) .. "; required from " .. sub(place, 1, -3) .. sub(message, at)
end

-- Runs a module for its value; its errors tell who required it, after their own place.
local function run(own, name, path, main, ...)
  local from = where()
  own[name] = LOADING
  return done(own, name, path, begin(), rawxpcall(main, function(e)
    e = k.place(e)
    if type(e) == "string" then
      e = required(e, from)
    elseif type(e) == "table" and raw.getmetatable(e) == false and type(raw.rawget(e, "message")) == "string" then
      raw.rawset(e, "message", required(e.message, from))
    end
    h.keep(e)
    return e
  end, ...))
end

function base.require(name)
  if type(name) ~= "string" then
    return raise("bad argument #1 to 'require' (string expected, got " .. type(name) .. ")")
  end
  local mine = cell()
  local own = mine.loaded
  local known = own[name]
  if known == LOADING then return raise("module '" .. name .. "' requires itself, directly or through others") end
  if known ~= nil then return known end
  local lt = k.lt_module(name)
  if lt ~= nil then return lt end
  local preload = mine.preload and mine.preload[name]
  if preload ~= nil then return run(own, name, ":preload:", preload, name, ":preload:") end
  local message, main, path, line = find(name)
  if line then
    local broken = k.fault("script", required(message, where()))
    broken.file, broken.line = path, line
    return error(broken, 0)
  end
  if message then return raise(message) end
  return run(own, name, path, main, mine.env, name, path)
end

-- `loadtool` and `loadtool.http`.
function k.lt_module(name)
  if name == "loadtool" then return k.lt end
  local part = raw.string.match(name, "^loadtool%.([%w_]+)$")
  if not part then return nil end
  local found = raw.rawget(k.modules, part)
  if found == nil then return raise("module '" .. name .. "' not found: loadtool has no '" .. part .. "'") end
  return found
end

local package = { config = "/\n;\n?\n!\n-\n", path = h.module_path(), cpath = "" }
package.loadlib = k.missing("package.loadlib", "C modules cannot be loaded")
package.searchpath = k.missing("package.searchpath", "require looks beside the script, in --lib folders and LOADTOOL_PATH")
local proxy = raw.setmetatable({}, {
  __index = function(_, key)
    if key == "loaded" then return cell().loaded end
    if key == "preload" then
      local mine = cell()
      mine.preload = mine.preload or {}
      return mine.preload
    end
    return package[key]
  end,
  __newindex = function(_, key)
    if key ~= "path" and key ~= "cpath" then return raise "this table is read-only" end
  end,
  __metatable = false,
})
k.frozen[proxy] = true
base.package = proxy

local debug = { getinfo = function(...) return k.value(h.debug_getinfo(...)) end }
function debug.traceback(message)
  if message ~= nil and type(message) ~= "string" and type(message) ~= "number" then return message end
  return h.traceback(message)
end

-- Of a function's upvalues its environment alone is shown, as the first: what `getfenv` of rocks
-- looks for.
function debug.getupvalue(f, i)
  if type(f) ~= "function" then return raise("debug.getupvalue needs a function, got a " .. type(f)) end
  if i ~= 1 then return nil end
  local env, main = h.debug_environment(f)
  env = env or main and cell().env
  if env then return "_ENV", env end
end
base.debug = raw.setmetatable({}, {
  __index = function(_, key)
    if debug[key] then return debug[key] end
    return raise("debug." .. raw.tostring(key) .. " is not available: there are debug.traceback, getinfo and getupvalue")
  end,
  __newindex = function() return raise "this table is read-only" end,
  __metatable = false,
})
k.frozen[base.debug] = true

-- `require "string"` and package.loaded.string.
for _, name in raw.ipairs { "string", "table", "math", "utf8", "coroutine", "os", "io", "package", "debug" } do
  k.libraries[name] = base[name]
end
