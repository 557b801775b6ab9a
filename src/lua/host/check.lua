-- lt.check and lt.expect: which conditions there are, in which order, and what a failure does.
-- Nearly every answer passes `quick`, where all holds; the rest is for what is less plain.
local lt, h, k = ...
local value, raise, record, frozen = k.value, k.raise, h.check_record, k.frozen
local quick, judge_json, read_json = h.check_quick, h.judge_json, h.response_json

local MATCHES = { __metatable = false, __name = "lt.matches" }
local function matches(pattern)
  value(h.check_pattern(pattern))
  return setmetatable({ pattern = pattern }, MATCHES)
end
lt.matches = matches

local any = setmetatable({}, { __metatable = false, __name = "lt.any" })
frozen[any] = true
lt.any = any

-- Failures are collected in `failed`, a list, or nil while there is none.
local function add(failed, failure)
  if not failure then return failed end
  failed = failed or {}
  failed[#failed + 1] = failure
  return failed
end

-- What `next` can walk: the table behind a read-only one, such as a part of `ctx`.
local function walkable(t)
  local behind = frozen[t]
  return type(behind) == "table" and behind or t
end

local function sorted(t, what)
  if type(t) ~= "table" then return raise(what .. " needs a table, got " .. k.described(t)) end
  local keys, count = {}, 0
  for key in next, walkable(t) do
    if type(key) ~= "string" then return raise(what .. " needs names as keys") end
    count = count + 1
    keys[count] = key
  end
  if count > 1 then table.sort(keys) end
  return keys
end

-- A condition that Lua evaluates: a function or a boolean.
local function own(subject, label, want, prefix)
  local holds, why = want, nil
  if type(want) == "function" then holds, why = want(subject) end
  local failure = nil
  if not holds then failure = type(why) == "string" and why or prefix .. tostring(holds) end
  record(label, failure)
  if failure then return label .. ": " .. failure end
end

local function named(judge, what)
  return function(r, want, failed)
    for _, name in ipairs(sorted(want, what)) do
      local one, how = want[name], nil
      if type(one) == "table" and type(one.pattern) == "string" then one, how = one.pattern, "matches" end
      failed = add(failed, value(judge(r, one, name, how)))
    end
    return failed
  end
end

local function json(r, want, failed)
  local paths = sorted(want, "json")
  for i = 1, #paths do
    local path = paths[i]
    local one = want[path]
    if one == any then
      failed = add(failed, value(judge_json(r, nil, path, "any")))
    elseif type(one) == "function" then
      failed = add(failed, own(value(read_json(r, path)), "json " .. path, one, "the function gave "))
    else
      local fault, failure = judge_json(r, one, path)
      if fault then return raise(fault) end
      failed = add(failed, failure)
    end
  end
  return failed
end

local function plain(judge)
  return function(r, want, failed)
    local fault, failure = judge(r, want)
    if fault then return raise(fault) end
    return add(failed, failure)
  end
end

local order = { "status", "proto", "header", "cookie", "size", "max_ms", "body_contains", "body_matches", "json", "schema" }
local conditions = {
  status = plain(h.judge_status), proto = plain(h.judge_proto), size = plain(h.judge_size),
  max_ms = plain(h.judge_max_ms), body_contains = plain(h.judge_body_contains),
  body_matches = plain(h.judge_body_matches), json = json, schema = plain(h.judge_schema),
  header = named(h.judge_header, "header"), cookie = named(h.judge_cookie, "cookie"),
}

local function unknown(label)
  return raise(h.check_unknown(tostring(label)))
end

-- What did not hold, in order; nil if all did.
local function evaluate(subject, wanted)
  if next(wanted) == nil then
    wanted = walkable(wanted)
    if next(wanted) == nil then return raise "a check needs at least one condition: the table is empty" end
  end

  local failed, labels, left = nil, nil, 0
  for label, condition in next, wanted do
    if conditions[label] then
      left = left + 1
    else
      local kind = type(condition)
      if type(label) ~= "string" or (kind ~= "function" and kind ~= "boolean") then return unknown(label) end
      labels = labels or {}
      labels[#labels + 1] = label
    end
  end
  for i = 1, #order do
    if left == 0 then break end
    local name = order[i]
    local condition = wanted[name]
    if condition ~= nil then
      failed, left = conditions[name](subject, condition, failed), left - 1
    end
  end
  if labels then
    table.sort(labels)
    for _, label in ipairs(labels) do
      failed = add(failed, own(subject, label, wanted[label], "expected true, got "))
    end
  end
  return failed
end

function lt.check(subject, wanted)
  if quick(subject, wanted) then return true end
  if type(wanted) ~= "table" then return raise("lt.check needs a table of conditions, got " .. k.described(wanted)) end
  return evaluate(subject, wanted) == nil
end

function lt.expect(subject, wanted)
  if quick(subject, wanted) then return subject end
  if type(wanted) ~= "table" then return raise("lt.expect needs a table of conditions, got " .. k.described(wanted)) end
  local failed = evaluate(subject, wanted)
  if failed then
    local title = h.response_title(subject)
    local message = (title and title .. ": " or "") .. table.concat(failed, "; ")
    h.response_illustrate(subject, message)
    return raise(message, "assertion")
  end
  return subject
end

function lt.fail(message)
  return raise(message == nil and "lt.fail was called" or tostring(message), "script")
end

function lt.abort(message)
  return k.await(h.vu_abort(message == nil and "lt.abort was called" or tostring(message)))
end
