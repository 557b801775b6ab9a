-- Responses: fields by name, extraction as methods.
local lt, h, k = ...
local value, raise, field = k.value, k.raise, h.response_field

local methods = {}

for _, name in ipairs {
  "json", "json_all", "regex", "regex_all", "css", "css_all", "xpath", "xpath_all", "form",
  "header", "header_all", "cookie",
} do
  local raw = h["response_" .. name]
  methods[name] = function(r, what, which)
    local fault, found, why = raw(r, what, which)
    if fault then return raise(fault) end
    if why then return found, why end
    return found -- alone, so that it can be an argument among others
  end
end

-- r:extract { token = "$.token", id = { regex = "id=(\\d+)" } }: all of it, or the iteration ends.

-- What each kind may have beside itself.
local kinds = { json = false, regex = "group", css = "attr", xpath = "prefixes", header = false, cookie = false }
local usage = "needs a JSONPath or one of { json = … }, { regex = … }, { css = … }, { xpath = … }, "
  .. "{ header = … }, { cookie = … }"

-- Kind, what of it and which of that; nothing if it is no extractor.
local function from(spec)
  if type(spec) == "string" then return "json", spec end
  if type(spec) ~= "table" then return end
  if type(k.frozen[spec]) == "table" then spec = k.frozen[spec] end
  local kind
  for key in next, spec do
    if kinds[key] ~= nil then
      if kind then return end
      kind = key
    end
  end
  if not kind then return end
  for key in next, spec do
    if key ~= kind and key ~= kinds[kind] then
      return raise(h.extract_unknown(tostring(key), { kind, kinds[kind] or nil }))
    end
  end
  return kind, spec[kind], spec[kinds[kind]]
end

function methods.extract(r, wanted)
  if type(wanted) ~= "table" then return raise 'r:extract needs a table like { token = "$.token" }' end
  if type(k.frozen[wanted]) == "table" then wanted = k.frozen[wanted] end
  if next(wanted) == nil then
    return raise 'r:extract needs a table like { token = "$.token" }'
  end
  local names = {}
  for name in next, wanted do
    if type(name) ~= "string" then return raise "r:extract needs a name for each value" end
    names[#names + 1] = name
  end
  table.sort(names)
  local result = {}
  for _, name in ipairs(names) do
    local kind, what, which = from(wanted[name])
    if not kind then return raise("r:extract: `" .. name .. "` " .. usage) end
    local found, why = methods[kind](r, what, which)
    if found == nil then
      local message = "`" .. name .. "`: " .. why
      h.response_illustrate(r, message)
      return raise(message, "extract")
    end
    result[name] = found
  end
  return result
end

local any_case = {
  __index = function(headers, name)
    if type(name) == "string" then return rawget(headers, name:lower()) end
  end,
}

h.response_index(function(r, key)
  local method = methods[key]
  if method then return method end
  if key == "headers" then return setmetatable(value(field(r, key)), any_case) end
  local fault, found = field(r, key)
  if fault then return raise(fault) end
  return found
end)
