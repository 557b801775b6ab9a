-- `math`, and what is left of `os` and `io`.
local k = ...
local raw, h, base, raise, value, missing = k.raw, k.h, k.base, k.raise, k.value, k.missing
local type, error, setmetatable, tostring, tonumber = raw.type, raw.error, raw.setmetatable, raw.tostring, raw.tonumber
local sub, find, match = raw.string.sub, raw.string.find, raw.string.match

local M = {}
for name, f in raw.next, raw.math do M[name] = f end
function M.random(...) return value(h.math_random(...)) end
function M.randomseed(...) return value(h.math_randomseed(...)) end
base.math = k.readonly(M)

local O = { clock = raw.os.clock, difftime = raw.os.difftime, time = raw.os.time, getenv = h.getenv }
local date = raw.os.date
function O.date(form, time)
  if type(form) == "string" and #form > 1000 then return raise "os.date: the format is too long" end
  return date(form, time)
end
for name, why in raw.pairs {
  execute = "scripts start no programs", exit = "end the run with lt.abort", remove = "scripts write no files",
  rename = "scripts write no files", tmpname = "scripts write no files", setlocale = "the locale is C's",
} do
  O[name] = missing("os." .. name, why)
end
base.os = k.readonly(O)

-- Files, read whole when they are opened.
local File = {}
local metatable = { __index = File, __name = "FILE*", __metatable = false }

local function line(f, keep)
  local from = f.at
  if from > #f.text then return nil end
  local stop = find(f.text, "\n", from, true)
  f.at = (stop or #f.text) + 1
  return sub(f.text, from, (stop and not keep) and stop - 1 or stop or #f.text)
end

local function number(f)
  local from, stop = find(f.text, "^%s*[+-]?[%w.]+[%w.+-]*", f.at)
  if not from or stop - from > 200 then return nil end
  local found = tonumber(sub(f.text, from, stop))
  if found then f.at = stop + 1 end
  return found
end

local function read(f, form)
  if type(form) == "number" then
    if f.at > #f.text then return form == 0 and nil end
    local from = f.at
    f.at = from + form
    return sub(f.text, from, f.at - 1)
  end
  form = match(tostring(form), "^%*?(%a)")
  if form == "l" then return line(f, false) elseif form == "L" then return line(f, true) end
  if form == "n" then return number(f) end
  if form ~= "a" then return raise "bad argument to 'read' (invalid format)" end
  local rest = sub(f.text, f.at)
  f.at = #f.text + 1
  return rest
end

local function open(f)
  if raw.getmetatable(f) ~= false or not f.text then return raise "this is no open file" end
end

function File:read(...)
  open(self)
  if raw.select("#", ...) == 0 then return read(self, "l") end
  local results = raw.table.pack(...)
  for i = 1, results.n do results[i] = read(self, results[i]) end
  return raw.table.unpack(results, 1, results.n)
end
function File:lines(form)
  open(self)
  return function() return read(self, form or "l") end
end
function File:seek(whence, offset)
  open(self)
  local origin = whence == "set" and 0 or whence == "end" and #self.text or self.at - 1
  self.at = raw.math.max(0, origin + (offset or 0)) + 1
  return self.at - 1
end
function File:close()
  open(self)
  self.text = nil
  return true
end
File.write = missing("file:write", "scripts write no files")
File.flush, File.setvbuf = File.write, File.write

local I = {}
function I.open(path, mode)
  if mode ~= nil and mode ~= "r" and mode ~= "rb" then return raise "io.open: files can only be read (mode \"r\")" end
  local refused, text, failed = h.read_file(path)
  if refused then return raise(refused) end
  if failed then return nil, failed, 2 end
  return setmetatable({ text = text, at = 1 }, metatable)
end
function I.lines(path, form)
  local f, failed = I.open(path)
  if not f then return raise(failed) end
  return f:lines(form)
end
function I.type(f)
  if type(f) ~= "table" or not raw.rawget(f, "at") then return nil end
  return f.text and "file" or "closed file"
end
for name, why in raw.pairs {
  popen = "scripts start no programs", write = "print writes to stderr", read = "there is no input",
  output = "scripts write no files", input = "there is no input", tmpfile = "scripts write no files", close = "use file:close",
} do
  I[name] = missing("io." .. name, why)
end
base.io = k.readonly(I)
