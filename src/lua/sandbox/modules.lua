-- require, and the tables `package` and `debug`.
local k = ...
local raw, h, base = k.raw, k.h, k.base
local raise, cell, error, type, rawxpcall = k.raise, h.cell, raw.error, raw.type, raw.xpcall
local find, begin, finish = h.find_module, h.begin_module, h.end_module

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
  local message, main, path = find(name)
  if message then return raise(message) end
  own[name] = LOADING
  return done(own, name, path, begin(), rawxpcall(main, k.keep, mine.env, name, path))
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

local package = { config = "/\n;\n?\n!\n-\n", path = "?.lua;?/init.lua", cpath = "" }
package.loadlib = k.missing("package.loadlib", "C modules cannot be loaded")
package.searchpath = k.missing("package.searchpath", "require looks beside the script and in --lib directories")
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

local function traceback(message)
  if message ~= nil and type(message) ~= "string" and type(message) ~= "number" then return message end
  return h.traceback(message)
end
base.debug = raw.setmetatable({}, {
  __index = function(_, key)
    if key == "traceback" then return traceback end
    return raise("debug." .. raw.tostring(key) .. " is not available: only debug.traceback is")
  end,
  __newindex = function() return raise "this table is read-only" end,
  __metatable = false,
})
k.frozen[base.debug] = true
